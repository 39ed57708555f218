"""Intervals of one accuracy: a mean of item scores whose interval covers the truth at small n too."""

from __future__ import annotations

import math
from typing import NamedTuple

from evalsuite.stats.clusters import Floats, Groups, Ints, design_effect, members

_Z95 = 1.959963984540054


class Estimate(NamedTuple):
    """A value with the ends of its 95% interval, as fractions."""

    value: float
    low: float
    high: float


def mean(scores: Floats, groups: Groups, samples: int = 1) -> Estimate:
    """Mean of item scores in [0, 1] with its 95% interval: Jeffreys' on the effective number of trials.

    `samples` is the number of samples that an item's score is the mean of. With one sample per item and no groups each
    item is a binomial trial, and the interval is exactly Jeffreys'. At 0 and at 1 it is the one-sided interval of
    Clopper and Pearson.

    A bootstrap (see `bootstrap`) agrees with it from some thousand items on. At small n the percentile and the BCa
    interval cover too little, the more so near 1. Coverage of the "95%" in percent:

                   single items, by enumeration   |  a tenth of the groups has three items (correlation 0.8)
        n    p     this   Wilson  percentile  BCa |  this   percentile  BCa
        50   0.20  95.1   95.1    93.8       96.7 |  95.8   91.5       94.1
        50   0.60  94.1   94.1    95.6       97.1 |  95.0   93.8       94.7
        50   0.93  95.1   97.8    86.6       95.1 |  97.2   80.7       93.9
        200  0.20  94.8   95.9    95.6       96.6 |  94.9   94.5       94.9
        200  0.60  94.9   94.9    95.7       96.4 |  94.3   94.3       94.3
        200  0.93  94.8   96.4    95.9       97.5 |  94.6   92.4       93.3

    Right of the bar 2,000 data sets were simulated: +-1. At 1,273 items all columns are within 94.1 to 95.8, by
    benchmarks/interval_coverage.py. With 50 items in groups at 0.93 no interval covers closer to 95%: more than 2.5% of
    such data sets contain no wrong item at all, and an interval that covers the truth there misses in less than 5%.
    Few large groups are still covered too little: 20 groups of ten (correlation 0.3) in 91% at 0.93.
    Source: L. D. Brown, T. T. Cai and A. DasGupta, "Interval estimation for a binomial proportion", Statistical
    Science 16 (2001); on effective sample sizes C. Franco et al., J. Survey Statistics and Methodology 7 (2019).
    """
    if len(scores) == 0:
        return Estimate(math.nan, 0.0, 1.0)
    return jeffreys(float(scores.mean()), effective(scores, members(groups), samples))


def effective(scores: Floats, member: Ints, samples: int = 1) -> float:
    """Number of independent trials whose mean would have the same variance as the mean of these scores.

    items x p(1 - p) / var(scores) / design effect x (t[trials - 1] / t[clusters - 1])^2. The first ratio is the gain
    from several samples per item, at most `samples`; the last is Korn and Graubard's correction for a variance that is
    estimated from few clusters, 1 where each trial is a cluster. Never below 1.
    Source: E. L. Korn and B. I. Graubard, "Confidence intervals for proportions with small expected number of positive
    counts estimated from survey data", Survey Methodology 24 (1998).
    """
    value, spread = float(scores.mean()), float(scores.var())
    # Without any variation the gain is unknown: the scores are all 0, all 1, or each item is right equally often.
    gain = value * (1 - value) / spread if spread > 1e-15 else float(samples if 0 < value < 1 else 1)
    trials = len(scores) * min(max(gain, 1.0), float(samples))
    return max(1.0, trials / design_effect(scores, member) * few_clusters(member, samples))


def few_clusters(member: Ints, samples: int) -> float:
    """Korn and Graubard's factor (t[trials - 1] / t[clusters - 1])^2 at 97.5%; 0 where there is one cluster."""
    from scipy.special import stdtrit

    trials, clusters = len(member) * samples, int(member.max()) + 1
    if clusters == trials:
        return 1.0
    return float((stdtrit(trials - 1, 0.975) / stdtrit(clusters - 1, 0.975)) ** 2) if clusters > 1 else 0.0


def jeffreys(value: float, trials: float) -> Estimate:
    """A share of `trials`, which need not be an integer, with Jeffreys' equal-tailed 95% interval.

    The 2.5% and 97.5% quantiles of Beta(x + 1/2, trials - x + 1/2). At 0 and at 1, where only one side is open, the
    95% bound of Clopper and Pearson for that side, 0.05^(1/trials) from the end: the rule of three, about 3 / trials.
    Source: L. D. Brown, T. T. Cai and A. DasGupta, Statistical Science 16 (2001), quantiles by SciPy; J. A. Hanley and
    A. Lippman-Hand, "If nothing goes wrong, is everything all right?", JAMA 249 (1983).
    """
    from scipy.special import betaincinv

    right, wrong = trials * value, trials * (1 - value)
    if right <= 1e-9:
        return Estimate(value, 0.0, 1 - 0.05 ** (1 / trials))
    if wrong <= 1e-9:
        return Estimate(value, 0.05 ** (1 / trials), 1.0)
    low, high = (float(betaincinv(right + 0.5, wrong + 0.5, tail)) for tail in (0.025, 0.975))
    return Estimate(value, min(low, value), max(high, value))


def wilson(correct: float, n: float) -> Estimate:
    """Share of n independent trials with Wilson's 95% score interval.

    Source: E. B. Wilson, "Probable inference, the law of succession, and statistical inference", JASA 22 (1927).
    """
    if n == 0:
        return Estimate(math.nan, 0.0, 1.0)
    share, z2 = correct / n, _Z95**2
    centre = (share + z2 / (2 * n)) / (1 + z2 / n)
    half = _Z95 * math.sqrt(share * (1 - share) / n + z2 / (4 * n * n)) / (1 + z2 / n)
    return Estimate(share, max(0.0, centre - half), min(1.0, centre + half))
