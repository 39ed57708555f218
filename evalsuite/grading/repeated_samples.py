"""What several samples per item show besides the accuracy: `repeated_samples` in summary.json."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from evalsuite.grading.grade import Grade, GradedParse
from evalsuite.stats.clusters import Floats
from evalsuite.stats.intervals import Estimate, mean
from evalsuite.stats.pass_at_k import average, majority, pass_at
from evalsuite.tasks.item import Item

Json = dict[str, Any]


class RepeatedSampleTally:
    """The labels of a task's responses in one parse mode; a missing response is wrong and votes for no label."""

    def __init__(self, items: Sequence[Item], rotations: Sequence[int], samples: int) -> None:
        self._items, self._rotations, self._samples = items, rotations, samples
        self._place = {item.id: place for place, item in enumerate(items)}
        self._codes: dict[str, int] = {}
        shape = (len(items), max(rotations), samples)
        self._labels = np.full(shape, -1, dtype=np.int32)
        self._correct = np.zeros(shape, dtype=np.bool_)

    def add(self, grade: Grade, graded: GradedParse) -> None:
        """Count a response: its grade, and that grade's strict or lenient parse."""
        at = self._place[grade.item], grade.rotation, grade.sample
        self._correct[at] = graded.correct
        if graded.label is not None:
            self._labels[at] = self._codes.setdefault(graded.label, len(self._codes))

    def summary(self) -> Json:
        """Return pass@j for each j up to the samples k, maj@k, and the interval for the same items requested again.

        With rotated options pass@j and maj@k are those of each rotation, averaged over the item's rotations. What
        another run of the same items would give is only estimated without rotation, where all samples are alike.
        """
        rotated = max(self._rotations) > 1
        return {
            "pass_at": {str(j): self._mean(scores) for j, scores in enumerate(self._pass_at(), start=1)},
            "maj_at_k": self._mean(self._majority()),
            **(_NO_RERUN if rotated or len(self._items) < 2 else self._rerun()),
        }

    def _pass_at(self) -> list[Floats]:
        """Item scores for each j."""
        right = self._correct.sum(axis=2)
        by_rotation = pass_at(right.ravel(), self._samples).reshape(*right.shape, self._samples)
        return [self._over_rotations(by_rotation[:, :, j]) for j in range(self._samples)]

    def _majority(self) -> Floats:
        """Item scores: whether the most frequent label is right, which is a label whose responses were graded right."""
        names = [*self._codes, None]  # the last one is at index -1: no valid answer
        votes, gold = [], []
        for labels, correct in zip(self._rows(self._labels), self._rows(self._correct), strict=True):
            votes.append([names[code] for code in labels])
            gold.append({names[code] for code in labels[correct]} - {None})
        return self._over_rotations(majority(votes, gold).reshape(self._correct.shape[:2]))

    def _rows(self, values: Any) -> Any:
        return values.reshape(-1, self._samples)

    def _over_rotations(self, scores: Floats) -> Floats:
        """Mean over the rotations that an item has, of scores of shape (items, rotations)."""
        counts = np.asarray(self._rotations)
        present = np.arange(scores.shape[1]) < counts[:, None]
        means: Floats = np.where(present, scores, 0.0).sum(axis=1) / counts
        return means

    def _mean(self, scores: Floats) -> Estimate:
        answers = self._samples * sum(self._rotations) // len(self._items)
        return mean(scores, [item.group for item in self._items], answers)

    def _rerun(self) -> Json:
        estimate = average(self._correct[:, 0].astype(np.float64), [item.group for item in self._items])
        return {
            "rerun": estimate.rerun,
            "variance_from_items": estimate.items,
            "variance_from_samples": estimate.samples,
        }


_NO_RERUN: Json = {"rerun": None, "variance_from_items": None, "variance_from_samples": None}
