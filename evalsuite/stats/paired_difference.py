"""The difference of two runs on the same items, with its interval, its test and the discordant items."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

from evalsuite.stats.clusters import Floats, Groups, Ints, design_effect, members, summed
from evalsuite.stats.intervals import Estimate, few_clusters
from evalsuite.stats.permutation import sign_flip_test


class PairedDifference(NamedTuple):
    """Mean score of A minus mean score of B on the same items, with the ends of its interval, as fractions.

    `only_a` and `only_b` are the discordant counts: items that A has right and B wrong, and the reverse. With several
    samples they are expected counts and no integers. `p` belongs to the two-sided test that A and B are equal.
    """

    value: float
    low: float
    high: float
    only_a: float
    only_b: float
    items: int
    p: float

    @property
    def discordance(self) -> float:
        """Share of items on which exactly one of the two is right."""
        return (self.only_a + self.only_b) / self.items

    @property
    def estimate(self) -> Estimate:
        """The value with its interval."""
        return Estimate(self.value, self.low, self.high)


def difference(a: Floats, b: Floats, groups: Groups, samples: int = 1, level: float = 0.95) -> PairedDifference:
    """Difference of two runs' means over the same items, with Tango's score interval and the sign-flip test.

    `a` and `b` are item scores in [0, 1], each the mean of `samples` samples, in the same order of items. The interval
    is computed for the effective number of pairs (`effective_pairs`). With one sample and no groups it is exactly
    Tango's, and the test exactly McNemar's. Where no item differs the interval still has a width, as the rule of three.

    The percentile bootstrap (`bootstrap.percentile` of `cells(a - b, ...)`) agrees with it from some 30 discordant
    items on. Coverage of the "95%" in percent, single items, by enumeration (benchmarks/interval_coverage.py):

        n    discordance  true difference  Tango  percentile  Wald
        50   0.10          0.00            95.3   95.3        94.0
        50   0.10          0.03            96.4   92.5        94.0
        50   0.20          0.03            95.6   92.7        93.9
        50   0.20         -0.10            94.9   95.7        93.7
        200  0.10          0.00            94.8   95.6        94.7
        200  0.10          0.03            95.1   95.7        94.9
        200  0.20          0.03            95.1   95.6        94.9
    """
    member = members(groups)
    delta, pairs = a - b, effective_pairs(a, b, member, samples)
    only_a, only_b = float((a * (1 - b)).sum()), float((b * (1 - a)).sum())
    # Tango's interval takes counts of independent pairs, so the discordant counts shrink with the items.
    scale = pairs / len(a)
    value = float(delta.mean())
    interval = tango(only_a * scale, only_b * scale, pairs, level)
    test = sign_flip_test(summed(delta, member))
    return PairedDifference(value, min(interval.low, value), max(interval.high, value), only_a, only_b, len(a), test)


def effective_pairs(a: Floats, b: Floats, member: Ints, samples: int = 1) -> float:
    """Number of independent pairs of single samples whose difference would have the same variance as that of a and b.

    items x (variance that single samples would have) / var(a - b) / design effect of (a - b) x the factor for few
    clusters: what `intervals.effective` is for a mean. Never below 1.
    """
    delta = a - b
    single = float((a * (1 - b) + b * (1 - a)).mean() - delta.mean() ** 2)
    spread = float(delta.var())
    gain = single / spread if spread > 1e-15 else float(samples if single > 1e-15 else 1)
    pairs = len(a) * min(max(gain, 1.0), float(samples))
    return max(1.0, pairs / design_effect(delta, member) * few_clusters(member, samples))


def tango(only_a: float, only_b: float, pairs: float, level: float = 0.95) -> Estimate:
    """Difference of two paired shares with Tango's score interval.

    The differences D at which |only_a - only_b - pairs D| / sqrt(pairs (2 q + D (1 - D))) equals the normal quantile,
    where q is the maximum likelihood estimate of the share of pairs that only B has right, given D.
    Source: T. Tango, "Equivalence test and confidence interval for the difference in proportions for the paired-sample
    design", Statistics in Medicine 17 (1998).
    """
    from scipy.special import ndtri

    z, value = float(ndtri(0.5 + level / 2)), (only_a - only_b) / pairs
    low = _root(lambda d: _score(only_a, only_b, pairs, d) - z, -1.0, value)
    high = _root(lambda d: _score(only_a, only_b, pairs, d) + z, value, 1.0)
    return Estimate(value, low, high)


def _score(only_a: float, only_b: float, pairs: float, difference: float) -> float:
    """Tango's statistic at a difference; it decreases as the difference grows."""
    linear = (2 * pairs - only_a + only_b) * difference - only_a - only_b
    constant = -only_b * difference * (1 - difference)
    # The larger root of 2 pairs q^2 + linear q + constant = 0, the likelihood equation of q.
    share = (math.sqrt(max(linear * linear - 8 * pairs * constant, 0.0)) - linear) / (4 * pairs)
    variance = pairs * (2 * share + difference * (1 - difference))
    excess = only_a - only_b - pairs * difference
    return excess / math.sqrt(variance) if variance > 1e-12 else math.copysign(math.inf, excess) if excess else 0.0


def _root(decreasing: Callable[[float], float], low: float, high: float) -> float:
    """Bisect; 60 halvings of a range of 2 reach the precision of a float."""
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if decreasing(middle) > 0 else (low, middle)
    return (low + high) / 2
