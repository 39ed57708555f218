"""Shared ranks and rank intervals of a leaderboard."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import NamedTuple

import numpy as np

from evalsuite.stats.clusters import Floats
from evalsuite.stats.multiple_testing import holm

LEVEL = 0.05


class Rank(NamedTuple):
    """A model's rank, which its group shares, and the ends of its rank interval, counted from 1."""

    rank: int
    best: int
    worst: int


def ranks(values: Sequence[float], p: Floats) -> list[Rank]:
    """Rank models by value, given the p-value of each pair's paired test, shape (models, models), symmetric.

    Holm's adjustment covers all pairs. Groups: from the top, a model that doesn't differ significantly from the best of
    the current group shares its rank; the first one that does opens a new group, ranked by its position. An interval
    goes from 1 + the number of significantly better models to the number of models less the significantly worse ones;
    together the intervals cover all true ranks with a confidence of 95%.
    Source of the intervals: D. Al Mohamad, J. J. Goeman and E. W. van Zwet, "Simultaneous confidence intervals for
    ranks", Biometrical Journal 64 (2022), section 3.
    """
    order = sorted(range(len(values)), key=lambda model: -values[model])
    different = _different(p)
    shared = _groups(order, different)
    result = []
    for model, value in enumerate(values):
        different_values = [values[other] for other in range(len(values)) if different[model, other]]
        above, below = sum(bool(v > value) for v in different_values), sum(bool(v < value) for v in different_values)
        result.append(Rank(shared[model], 1 + above, len(values) - below))
    return result


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
    for position, model in enumerate(order, start=1):
        if model == best or different[best, model]:
            best, rank = model, position
        shared[model] = rank
    return shared
