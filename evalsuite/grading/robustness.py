"""What option rotation shows about a task besides its accuracy: `robustness` in summary.json."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from evalsuite.grading.grade import Grade
from evalsuite.stats.option_rotation import robustness
from evalsuite.tasks.item import Item

Json = dict[str, Any]


class RotationTally:
    """Strict grades of a task's items under each rotation; a missing response is wrong and has no text."""

    def __init__(self, items: Sequence[Item], rotations: Sequence[int], samples: int) -> None:
        rotated = [(item, count) for item, count in zip(items, rotations, strict=True) if count > 1]
        self._items = [item for item, _ in rotated]
        self._place = {item.id: place for place, item in enumerate(self._items)}
        self._not_rotated = len(items) - len(rotated)
        shape = (max((count for _, count in rotated), default=0), len(rotated), samples)
        self._correct = np.full(shape, np.nan)
        self._texts = np.full(shape, None, dtype=np.object_)
        for place, (_, count) in enumerate(rotated):
            self._correct[:count, place] = 0.0

    def add(self, item: Item, grade: Grade) -> None:
        """Add the grade of a response."""
        if item.id in self._place:
            at = grade.rotation, self._place[item.id], grade.sample
            label = grade.strict.label
            self._correct[at] = grade.strict.correct
            self._texts[at] = None if label is None else item.options[item.labels.index(label)]

    def summary(self) -> Json | None:
        """Return the robustness over the items that have several rotations; None where there is no such item."""
        if not self._items:
            return None
        result = robustness(self._correct, self._texts, [item.group or item.id for item in self._items])
        rotations = [
            {"n": s.items, "accuracy": s.accuracy._asdict(), "deviation": s.deviation} for s in result.rotations
        ]
        return {
            "n": len(self._items),
            "not_rotated": self._not_rotated,
            "rotations": rotations,
            "worst": result.worst,
            "same_text": result.same_text._asdict(),
            "all_right": result.all_right._asdict(),
            "p": result.p,
        }
