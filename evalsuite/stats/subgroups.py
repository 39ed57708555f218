"""One task cut by what its items are about."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from evalsuite.stats.clusters import Floats, Groups, members
from evalsuite.stats.intervals import Estimate, mean


class Subgroup(NamedTuple):
    """The items of one key: their accuracy with its interval, and how many they are."""

    key: str
    items: int
    estimate: Estimate


def subgroups(keys: Sequence[str], scores: Floats, groups: Groups, samples: int = 1) -> list[Subgroup]:
    """Accuracy by key (subject, question type, number of options), the largest subgroup first.

    Each interval stands for itself: of 20 subgroups one is expected to miss its truth, and the highest and the lowest
    of many look more extreme than they are. Compare two runs inside a subgroup by `paired.difference`, with Holm.
    """
    member, names = members(groups), np.asarray(keys, dtype=np.str_)
    found = []
    for key, count in zip(*np.unique(names, return_counts=True), strict=True):
        chosen = names == key
        inside = np.unique(member[chosen], return_inverse=True)[1].astype(np.int64)
        found.append(Subgroup(str(key), int(count), mean(scores[chosen], inside, samples)))
    return sorted(found, key=lambda subgroup: (-subgroup.items, subgroup.key))
