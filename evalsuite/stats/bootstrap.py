"""The cluster bootstrap of a mean, by counts instead of by items.

For a paired difference give it `cells(a - b, member)`: the difference of two means over the same items is the mean of
the items' differences, in each resample too.
"""

from __future__ import annotations

import numpy as np

from evalsuite.stats.clusters import ClusterCells, Floats
from evalsuite.stats.intervals import Estimate

RESAMPLES = 10_000


def replicates(found: ClusterCells, rng: np.random.Generator, resamples: int = RESAMPLES) -> Floats:
    """Bootstrap replicates of the mean over items, whole clusters resampled with replacement. Shape: (resamples,).

    Exact, not an approximation: clusters of the same sum and size are exchangeable, so a resample of C clusters is one
    multinomial draw of C over the distinct ones, and costs their number instead of C.
    Source of the cluster bootstrap: A. C. Davison and D. V. Hinkley, "Bootstrap Methods" (1997), section 3.8.
    """
    clusters = int(found.counts.sum())
    draws = rng.multinomial(clusters, found.counts / clusters, size=resamples).astype(np.float64)
    means: Floats = (draws @ found.sums) / (draws @ found.sizes)
    return means


def percentile(found: ClusterCells, rng: np.random.Generator, resamples: int = RESAMPLES) -> Estimate:
    """The mean with its 95% percentile interval.

    Source: B. Efron and R. J. Tibshirani, "An Introduction to the Bootstrap" (1993), chapter 13.
    """
    low, high = np.quantile(replicates(found, rng, resamples), (0.025, 0.975))
    return Estimate(found.mean, float(low), float(high))


def bca(found: ClusterCells, rng: np.random.Generator, resamples: int = RESAMPLES) -> Estimate:
    """The mean with its 95% BCa interval: percentile, corrected for bias and for skewness.

    The acceleration comes from the jackknife over clusters, once for each distinct one. Replicates equal to the
    estimate count half, since means of few distinct values have many ties. Where all are equal there is no width.
    Source: B. Efron, "Better bootstrap confidence intervals", JASA 82 (1987).
    """
    from scipy.special import ndtr, ndtri

    value, drawn = found.mean, replicates(found, rng, resamples)
    below = float(np.mean(drawn < value - 1e-12) + np.mean(np.abs(drawn - value) <= 1e-12) / 2)
    if not 0 < below < 1:
        return Estimate(value, float(drawn.min()), float(drawn.max()))
    bias, z = ndtri(below), ndtri(np.array((0.025, 0.975)))
    tails = ndtr(bias + (bias + z) / (1 - acceleration(found) * (bias + z)))
    low, high = np.quantile(drawn, tails)
    return Estimate(value, float(low), float(high))


def acceleration(found: ClusterCells) -> float:
    """Skewness of the mean's jackknife values over 6: sum of d^3 / (6 (sum of d^2)^(3/2)), d = their mean - value."""
    total, size = float(found.counts @ found.sums), float(found.counts @ found.sizes)
    if len(found.counts) == 1 or size <= found.sizes.max():
        return 0.0
    left_out = (total - found.sums) / (size - found.sizes)
    away = np.average(left_out, weights=found.counts) - left_out
    spread = float(found.counts @ away**2)
    return float(found.counts @ away**3) / (6 * spread**1.5) if spread > 1e-30 else 0.0
