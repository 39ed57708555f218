"""What a run with rotated options tells of a task besides its accuracy: `robustness` in summary.json."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from evalsuite.grading.grade import Grade
from evalsuite.stats.option_rotation import robustness
from evalsuite.tasks.item import Item

Json = dict[str, Any]


class RotationTally:
    """Strict verdicts on a task's items under each rotation; a response that is missing is wrong and has no text."""

    def __init__(self, items: Sequence[Item], rotations: Sequence[int], samples: int) -> None:
        moved = [(item, count) for item, count in zip(items, rotations, strict=True) if count > 1]
        self._items = [item for item, _ in moved]
        self._place = {item.id: place for place, item in enumerate(self._items)}
        self._not_rotated = len(items) - len(moved)
        shape = (max((count for _, count in moved), default=0), len(moved), samples)
        self._correct = np.full(shape, np.nan)
        self._texts = np.full(shape, None, dtype=np.object_)
        for place, (_, count) in enumerate(moved):
            self._correct[:count, place] = 0.0

    def add(self, item: Item, found: Grade) -> None:
        """Take a verdict."""
        if item.id in self._place:
            at = found.rotation, self._place[item.id], found.sample
            label = found.strict.label
            self._correct[at] = found.strict.correct
            self._texts[at] = None if label is None else item.options[item.labels.index(label)]

    def summary(self) -> Json | None:
        """Robustness over the items that have several rotations; None where there is no such item."""
        if not self._items:
            return None
        found = robustness(self._correct, self._texts, [item.group or item.id for item in self._items])
        rotations = [
            {"n": s.items, "accuracy": s.accuracy._asdict(), "deviation": s.deviation} for s in found.rotations
        ]
        return {
            "n": len(self._items),
            "not_rotated": self._not_rotated,
            "rotations": rotations,
            "worst": found.worst,
            "same_text": found.same_text._asdict(),
            "all_right": found.all_right._asdict(),
            "p": found.p,
        }
