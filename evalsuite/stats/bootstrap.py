"""The cluster bootstrap of a mean, by counts instead of by items: the reference for the closed-form intervals.

For a paired difference give it `cells(a - b, member)`: the difference of two means over the same items is the mean of
the items' differences, in each resample too.
"""

from __future__ import annotations

import numpy as np

from evalsuite.stats.clusters import ClusterCells, Floats
from evalsuite.stats.intervals import Estimate

RESAMPLES = 10_000


def replicates(cells: ClusterCells, rng: np.random.Generator, resamples: int = RESAMPLES) -> Floats:
    """Bootstrap replicates of the mean over items, clusters resampled with replacement. Shape: (resamples,).

    This is exact and no approximation: clusters of the same sum and size are exchangeable, so a resample of C clusters
    is one multinomial draw of C over the distinct ones, whose cost is their number instead of C.
    Source of the cluster bootstrap: A. C. Davison and D. V. Hinkley, "Bootstrap Methods" (1997), section 3.8.
    """
    clusters = int(cells.counts.sum())
    draws = rng.multinomial(clusters, cells.counts / clusters, size=resamples).astype(np.float64)
    means: Floats = (draws @ cells.sums) / (draws @ cells.sizes)
    return means


def percentile(cells: ClusterCells, rng: np.random.Generator, resamples: int = RESAMPLES) -> Estimate:
    """The mean with its 95% percentile interval.

    Source: B. Efron and R. J. Tibshirani, "An Introduction to the Bootstrap" (1993), chapter 13.
    """
    low, high = np.quantile(replicates(cells, rng, resamples), (0.025, 0.975))
    return Estimate(cells.mean, float(low), float(high))


def bca(cells: ClusterCells, rng: np.random.Generator, resamples: int = RESAMPLES) -> Estimate:
    """The mean with its 95% BCa interval: percentile, corrected for bias and for skewness.

    The acceleration comes from the jackknife over clusters, once for each distinct one. Where all replicates are equal
    the interval has no width.
    Source: B. Efron, "Better bootstrap confidence intervals", JASA 82 (1987); B. Efron and
    R. J. Tibshirani, "An Introduction to the Bootstrap" (1993), equations 14.10, 14.14 and 14.15.
    """
    from scipy.special import ndtr, ndtri

    value, drawn = cells.mean, replicates(cells, rng, resamples)
    # Replicates equal to the estimate count half, since means of few distinct values have many ties.
    below = float(np.mean(drawn < value - 1e-12) + np.mean(np.abs(drawn - value) <= 1e-12) / 2)
    if not 0 < below < 1:
        return Estimate(value, float(drawn.min()), float(drawn.max()))
    bias, z = ndtri(below), ndtri(np.array((0.025, 0.975)))
    tails = ndtr(bias + (bias + z) / (1 - acceleration(cells) * (bias + z)))
    low, high = np.quantile(drawn, tails)
    return Estimate(value, float(low), float(high))


def acceleration(cells: ClusterCells) -> float:
    """Skewness of the mean's jackknife values over 6: sum of d^3 / (6 (sum of d^2)^(3/2)), d = their mean - value."""
    total, size = float(cells.counts @ cells.sums), float(cells.counts @ cells.sizes)
    if len(cells.counts) == 1 or size <= cells.sizes.max():
        return 0.0
    jackknife = (total - cells.sums) / (size - cells.sizes)
    deviation = np.average(jackknife, weights=cells.counts) - jackknife
    squares = float(cells.counts @ deviation**2)
    return float(cells.counts @ deviation**3) / (6 * squares**1.5) if squares > 1e-30 else 0.0
