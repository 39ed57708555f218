"""The tier of difficulty that a validator's pass rate gives, beside the one that the graph gives."""

from __future__ import annotations

from dataclasses import replace
from typing import Final, NamedTuple

from evalsuite.tasks.item import Item
from training.recipe_sections import Tier

TIER: Final = "tier"
MEASURED_TIER: Final = "measured_tier"
PASSED: Final = "passed"
"""Names in an item's `meta`: its structural tier, its measured one, and the pass rate of the latter (3/5)."""
_EASY, _MODERATE = 0.8, 0.4
"""Pass rates from which an item is easy, and from which it is moderate: of five trials four, and two."""


class PassRate(NamedTuple):
    """How many of an item's answered trials were right."""

    right: int
    answered: int

    def __str__(self) -> str:
        return f"{self.right}/{self.answered}"

    @property
    def tier(self) -> Tier | None:
        """The measured tier; None where no trial was answered."""
        if not self.answered:
            return None
        rate = self.right / self.answered
        return "easy" if rate >= _EASY else "moderate" if rate >= _MODERATE else "difficult"


def measured(item: Item, rate: PassRate) -> Item:
    """Return an item with its measured pass rate and the tier that follows from it; without trials it has neither."""
    tier = rate.tier
    meta = {name: value for name, value in item.meta.items() if name not in (PASSED, MEASURED_TIER)}
    return replace(item, meta=meta if tier is None else {**meta, PASSED: str(rate), MEASURED_TIER: tier})
