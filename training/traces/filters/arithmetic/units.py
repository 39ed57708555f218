"""Units behind the numbers of a calculation, as a factor and what it measures."""

from __future__ import annotations

import re
from collections import Counter
from functools import cache
from typing import Final, NamedTuple

from training.traces.quantities import Quantity
from training.traces.quantities.reader import read_unit
from training.traces.quantities.units import COMPOUND, SPELLINGS, WITH_SUBSTANCE, registry

Dimensions = tuple[tuple[str, int], ...]
_SCALES: Final = {"thousand": 1e3, "million": 1e6, "billion": 1e9}
_COUNTED: Final = {
    "gtt": "drop", "gtts": "drop", "drop": "drop", "drops": "drop", "tablet": "tablet", "tablets": "tablet",
    "capsule": "capsule", "capsules": "capsule", "dose": "dose", "doses": "dose", "puff": "puff", "puffs": "puff",
    "pack": "pack", "packs": "pack", "vial": "vial", "vials": "vial", "case": "case", "cases": "case",
    "patient": "person", "patients": "person", "person": "person", "people": "person", "cigarettes": "cigarette",
    "drinks": "drink", "points": "point",
}  # fmt: skip
"""What is counted: each a kind of its own."""
_EQUIVALENTS: Final = ("mEq", "meq")
_IN_PROSE: Final = frozenset({"in", "mo", "D", "C", "F", "J", "W", "French", "second"})
"""Spellings that are mostly another word, or no unit, between the numbers of a calculation."""
_WORDS: Final = sorted(
    ({*SPELLINGS, *WITH_SUBSTANCE, *_COUNTED, *_SCALES, *_EQUIVALENTS} - _IN_PROSE - COMPOUND.keys()) - {"%"},
    key=len,
    reverse=True,
)
_SPELLING: Final = "|".join(re.sub(r"^u(?=[mgL]|IU)", "[uµμ]", re.escape(word)) for word in _WORDS)
_FACTOR: Final = rf"(?:{_SPELLING})(?:\^?\(?[23]\)?|[²³])?(?![A-Za-zµμ])"
UNIT: Final = re.compile(rf"(?:mm\s?Hg\b|cm\s?H2O\b|{_FACTOR})(?:\s?(?:/|\bper\b)\s?(?:{_FACTOR}))*")
_SEPARATOR: Final = re.compile(r"\s*(?:/|\bper\b)\s*")


class Unit(NamedTuple):
    """A unit in base units."""

    factor: float
    dimensions: Dimensions


NO_UNIT: Final = Unit(1.0, ())


@cache
def unit_of(text: str) -> Unit:
    """Return the unit that a match of `UNIT` stands for."""
    text = text.replace("²", "2").replace("³", "3").replace("(", "").replace(")", "")
    factor, dimensions = 1.0, Counter[str]()
    for number, part in enumerate(_SEPARATOR.split(text)):
        one = _factor(part.strip())
        sign = -1 if number else 1
        factor *= one.factor**sign
        for name, exponent in one.dimensions:
            dimensions[name] += sign * exponent
    return Unit(factor, as_dimensions(dimensions))


def as_dimensions(counted: Counter[str]) -> Dimensions:
    """Return dimensions in their one form: sorted, without those that cancel."""
    return tuple(sorted((name, exponent) for name, exponent in counted.items() if exponent))


def _factor(text: str) -> Unit:
    if text in _SCALES:
        return Unit(_SCALES[text], ())
    if text in _COUNTED:
        return Unit(1.0, ((_COUNTED[text], 1),))
    read = read_unit(text)
    if not isinstance(read, Quantity):
        # Equivalents and activities: comparable with themselves only.
        return Unit(1.0, ((text.rstrip("s").lower(), 1),))
    base = registry().Quantity(read.value, read.unit).to_base_units()
    powers = {str(name): int(str(power)) for name, power in base.dimensionality.items()}
    return Unit(float(base.magnitude), as_dimensions(Counter(powers)))
