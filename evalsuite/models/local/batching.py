"""Which drafts are generated together: batches of similar length, from a bounded window of a lazy stream."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice

from evalsuite.models.local.partial_generation import PartialGeneration

_WINDOW = 16
"""Batches that a window holds: enough to sort lengths close together, few enough to keep memory flat."""


class BatchQueue:
    """Batches of at most `size` drafts, the longest first, all in the same leg.

    Drafts that come back unfinished go first, so that no response waits for the end of the stream.
    """

    def __init__(self, drafts: Iterator[PartialGeneration], size: int) -> None:
        self.size = size
        self._drafts = drafts
        self._waiting: list[PartialGeneration] = []

    def take(self) -> list[PartialGeneration]:
        """Return the next batch; empty when nothing is left."""
        if not self._waiting:
            self._waiting = list(islice(self._drafts, self.size * _WINDOW))
        self._waiting.sort(key=lambda draft: (-draft.leg, -len(draft.ids)))
        leg = self._waiting[0].leg if self._waiting else 0
        batch = [draft for draft in self._waiting[: self.size] if draft.leg == leg]
        del self._waiting[: len(batch)]
        return batch

    def put_back(self, drafts: Iterable[PartialGeneration]) -> None:
        """Take drafts that aren't finished."""
        self._waiting.extend(drafts)
