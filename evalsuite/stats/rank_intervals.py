"""A leaderboard's order, and how little of it is certain."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import NamedTuple

import numpy as np

from evalsuite.stats.clusters import Floats
from evalsuite.stats.multiple_testing import holm

LEVEL = 0.05


class Rank(NamedTuple):
    """A model's place: the rank that its group shares, and the ends of its rank interval, from 1."""

    rank: int
    best: int
    worst: int


def ranks(values: Sequence[float], p: Floats) -> list[Rank]:
    """Rank models by value, given the p-value of each pair's paired test, shape (models, models), symmetric.

    Holm's adjustment runs over all pairs. Groups: from the top, a model that can't be told from the best of the current
    group shares its rank; the first that can opens a group, ranked by its place. Intervals: 1 + the number of models
    that are surely better, up to the number of models less those that are surely worse; all intervals hold together
    with 95%.
    Source of the intervals: D. Al Mohamad, J. J. Goeman and E. W. van Zwet, "Simultaneous confidence intervals for
    ranks", Biometrical Journal 64 (2022), section 3.
    """
    order = sorted(range(len(values)), key=lambda model: -values[model])
    different = _different(p)
    shared = _groups(order, different)
    found = []
    for model, value in enumerate(values):
        surely = [values[other] for other in range(len(values)) if different[model, other]]
        above, below = sum(bool(v > value) for v in surely), sum(bool(v < value) for v in surely)
        found.append(Rank(shared[model], 1 + above, len(values) - below))
    return found


def _different(p: Floats) -> np.ndarray[tuple[int, int], np.dtype[np.bool_]]:
    models = len(p)
    pairs = list(combinations(range(models), 2))
    family = holm([float(p[pair]) for pair in pairs], f"{len(pairs)} pairs of {models} models")
    table = np.zeros((models, models), dtype=np.bool_)
    for (one, other), adjusted in zip(pairs, family.p, strict=True):
        table[one, other] = table[other, one] = adjusted < LEVEL
    return table


def _groups(order: Sequence[int], different: np.ndarray[tuple[int, int], np.dtype[np.bool_]]) -> dict[int, int]:
    shared: dict[int, int] = {}
    best = order[0] if order else 0
    for place, model in enumerate(order, start=1):
        if model == best or different[best, model]:
            best, rank = model, place
        shared[model] = rank
    return shared
