"""Accuracy by subgroup of a task's items."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from evalsuite.stats.clusters import Floats, Groups, members
from evalsuite.stats.intervals import Estimate, mean


class Subgroup(NamedTuple):
    """The items with one value of a metadata field: their number, and their accuracy with its interval."""

    key: str
    items: int
    estimate: Estimate


def subgroups(keys: Sequence[str], scores: Floats, groups: Groups, samples: int = 1) -> list[Subgroup]:
    """Accuracy by key (subject, question type, number of options), the largest subgroup first.

    No interval is adjusted for the number of subgroups: of 20 intervals one is expected to miss its true value, and the
    highest and the lowest of many look more extreme than they are. Compare two runs within a subgroup by
    `paired_difference.difference`, with Holm's adjustment.
    """
    member, names = members(groups), np.asarray(keys, dtype=np.str_)
    result = []
    for key, count in zip(*np.unique(names, return_counts=True), strict=True):
        chosen = names == key
        renumbered = np.unique(member[chosen], return_inverse=True)[1].astype(np.int64)
        result.append(Subgroup(str(key), int(count), mean(scores[chosen], renumbered, samples)))
    return sorted(result, key=lambda subgroup: (-subgroup.items, subgroup.key))
