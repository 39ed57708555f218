"""Batches of partial generations of similar length, from a bounded window of a lazy stream."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice

from evalsuite.models.local.partial_generation import PartialGeneration

_WINDOW = 16
"""Batches per window: enough to group similar lengths, few enough to keep memory use constant."""


class BatchQueue:
    """Batches of at most `size` partial generations, the longest first, all in the same generation phase.

    Those that are put back unfinished go first, so that no response waits for the end of the stream.
    """

    def __init__(self, generations: Iterator[PartialGeneration], size: int) -> None:
        self.size = size
        self._generations = generations
        self._waiting: list[PartialGeneration] = []

    def take(self) -> list[PartialGeneration]:
        """Return the next batch; empty at the end of the stream."""
        if not self._waiting:
            self._waiting = list(islice(self._generations, self.size * _WINDOW))
        # Similar lengths waste the least padding, and the longest first shows at once whether memory suffices. A batch
        # has one phase because it is generated up to the smallest limit in it, and phases have different limits.
        self._waiting.sort(key=lambda generation: (-generation.phase, -len(generation.input_ids)))
        phase = self._waiting[0].phase if self._waiting else 0
        batch = [generation for generation in self._waiting[: self.size] if generation.phase == phase]
        del self._waiting[: len(batch)]
        return batch

    def put_back(self, generations: Iterable[PartialGeneration]) -> None:
        """Add partial generations that aren't complete."""
        self._waiting.extend(generations)
