"""Means of item scores with their intervals."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

RESAMPLES = 10_000
_Z95 = 1.959963984540054


class Estimate(NamedTuple):
    """A value with the ends of its 95% interval, as fractions."""

    value: float
    low: float
    high: float


def wilson(correct: float, n: int) -> Estimate:
    """Share of n independent trials with Wilson's score interval.

    Source: E. B. Wilson, "Probable inference, the law of succession, and statistical inference", JASA 22 (1927).
    """
    if n == 0:
        return Estimate(math.nan, 0.0, 1.0)
    share, z2 = correct / n, _Z95**2
    centre = (share + z2 / (2 * n)) / (1 + z2 / n)
    half = _Z95 * math.sqrt(share * (1 - share) / n + z2 / (4 * n * n)) / (1 + z2 / n)
    return Estimate(share, max(0.0, centre - half), min(1.0, centre + half))


def clopper_pearson(correct: int, n: int) -> Estimate:
    """Share of n independent trials with the exact interval of Clopper and Pearson.

    Source: C. J. Clopper and E. S. Pearson, Biometrika 26 (1934); computed by SciPy.
    """
    from scipy.stats import binomtest

    interval = binomtest(correct, n).proportion_ci(0.95, method="exact")
    return Estimate(correct / n, float(interval.low), float(interval.high))


def replicates(scores: Floats, groups: Sequence[str], rng: np.random.Generator, resamples: int = RESAMPLES) -> Floats:
    """Bootstrap replicates of the mean of `scores`, resampling whole clusters with replacement.

    Exact, not an approximation: clusters that share (sum, size) are exchangeable, so a resample of C clusters is one
    multinomial draw of C over the distinct pairs, and costs their number instead of C. An empty group is a cluster of
    its own. Shape of the result: (resamples,).
    """
    sums, sizes, counts = _distinct(scores, groups)
    clusters = int(counts.sum())
    draws = rng.multinomial(clusters, counts / clusters, size=resamples)
    return (draws @ sums) / (draws @ sizes)


def mean(scores: Floats, groups: Sequence[str], rng: np.random.Generator) -> tuple[Estimate, Floats]:
    """Mean of item scores with its 95% percentile interval from the cluster bootstrap, and the replicates.

    Where the mean rests on at most one cluster that is not entirely wrong (or not entirely right), resampling has no
    width: the interval is then Clopper-Pearson's over clusters.
    """
    value = float(scores.mean())
    means = replicates(scores, groups, rng)
    low, high = (float(end) for end in np.quantile(means, (0.025, 0.975)))
    sums, sizes, counts = _distinct(scores, groups)
    clusters = int(counts.sum())
    touched, spoiled = int(counts[sums > 0].sum()), int(counts[sums < sizes].sum())
    if min(touched, spoiled) <= 1:
        exact = clopper_pearson(touched if touched <= 1 else clusters - spoiled, clusters)
        low, high = min(exact.low, value), max(exact.high, value)
    return Estimate(value, low, high), means


def macro(values: Sequence[float], means: Sequence[Floats]) -> Estimate:
    """Average over tasks, each weighing the same; its interval resamples independently inside each task."""
    pooled = np.mean(np.stack(means), axis=0)
    low, high = (float(end) for end in np.quantile(pooled, (0.025, 0.975)))
    return Estimate(float(np.mean(values)), low, high)


def _distinct(scores: Floats, groups: Sequence[str]) -> tuple[Floats, Floats, NDArray[np.int64]]:
    """Distinct (sum, size) of the clusters and how many clusters have each."""
    keys = [group or f"\0{index}" for index, group in enumerate(groups)]
    _, member = np.unique(np.array(keys, dtype=object), return_inverse=True)
    totals: Floats = np.round(np.bincount(member, weights=scores), 12).astype(np.float64)
    sizes = np.bincount(member).astype(np.float64)
    pairs: Floats
    pairs, counts = np.unique(np.column_stack((totals, sizes)), axis=0, return_counts=True)
    return pairs[:, 0], pairs[:, 1], counts.astype(np.int64)
