"""Rows that are longer than a sequence may be: the trainer cuts their ends off, and the answer is at the end."""

from __future__ import annotations

from typing import Final

import numpy as np

from training.preflight.finding import Finding
from training.preflight.render import Rendering
from training.preflight.source import Row

MOST: Final = 0.01
"""Largest share of rows that may be cut."""


class Length:
    """Counts the tokens of each row against the stage's `batch.length`."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._tokens: list[int] = []

    def take(self, row: Row, rendering: Rendering) -> None:
        """Look at a row."""
        self._tokens.append(len(rendering.whole_ids))

    def finding(self) -> Finding:
        """How long the rows are, and how many would lose their answer."""
        if not self._tokens:
            return Finding({"rows": 0})
        cut = sum(tokens > self._limit for tokens in self._tokens)
        share = cut / len(self._tokens)
        median, high, longest = (int(np.quantile(self._tokens, at)) for at in (0.5, 0.99, 1.0))
        facts = {"rows": len(self._tokens), "median": median, "p99": high, "longest": longest, "cut": cut}
        if share <= MOST:
            return Finding(facts)
        return Finding(
            facts,
            (
                f"{cut} of {len(self._tokens)} rows ({share:.1%}) are longer than batch.length {self._limit} and would "
                f"lose their answers (99% are within {high} tokens, the longest has {longest}); raise it or drop them",
            ),
        )
