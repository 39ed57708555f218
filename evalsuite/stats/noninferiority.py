"""Non-inferiority of a candidate to a baseline, on one task or on an average of tasks, with three outcomes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np

from evalsuite.stats.clusters import Floats, Groups, members
from evalsuite.stats.intervals import Estimate
from evalsuite.stats.macro_average import macro
from evalsuite.stats.paired_difference import difference, effective_pairs
from evalsuite.stats.power import PLANNED_DISCORDANCE, POWER, SIZE, quantile

Outcome = Literal["pass", "fail", "undecided"]


class NoninferiorityVerdict(NamedTuple):
    """The outcome for one difference (candidate - baseline), with its one-sided 95% bounds.

    `items` and `samples` are set where it is undecided: the items, or the samples of each present item, that a decision
    with 80% power needs if difference and discordance stay as observed; None where no number decides, or where it is
    unknown.
    """

    outcome: Outcome
    value: float
    low: float
    high: float
    margin: float
    items: int | None = None
    samples: int | None = None


def default_margin(items: int, discordance: float = PLANNED_DISCORDANCE, power: float = POWER) -> float:
    """The margin at which an equal candidate passes with this power: (z[0.95] + z[power]) sqrt(psi / n).

    It follows from what is known before the runs: the items and a planned discordance (0.2, in the middle of what close
    models show), never the observed one, which would loosen the gate for a candidate that changes many answers.
    Source: S. A. Julious, Statistics in Medicine 23 (2004), section 5, solved for the margin at no true difference.
    """
    return (quantile(1 - SIZE) + quantile(power)) * math.sqrt(discordance / items)


def judge(
    candidate: Floats, baseline: Floats, groups: Groups, margin: float, samples: int = 1
) -> NoninferiorityVerdict:
    """Judge one task from item scores of both runs, in the same order of items.

    pass: the lower one-sided 95% bound is above -margin, so a candidate that is worse by the margin passes in 5% of
    cases. fail: the upper bound is below -margin. undecided: neither. The bounds are the ends of Tango's 90% interval,
    whose score test is the standard test of non-inferiority of paired shares.
    Source: T. Tango, Statistics in Medicine 17 (1998); J.-P. Liu et al., Statistics in Medicine 21 (2002).
    """
    observed = difference(candidate, baseline, groups, samples, level=1 - 2 * SIZE)
    verdict = decide(observed.estimate, margin)
    if verdict.outcome != "undecided":
        return verdict
    pairs = effective_pairs(candidate, baseline, members(groups), samples)
    single = observed.discordance - observed.value**2
    wanted = ((observed.value + margin) / (quantile(1 - SIZE) + quantile(POWER))) ** 2
    if wanted <= 0 or single <= 0:
        return verdict
    items = math.ceil(single / wanted * observed.items / pairs)
    # Power of 80% can require fewer items than a bound that just missed has had.
    needed = verdict._replace(items=max(items, observed.items + 1))
    return needed._replace(samples=samples_needed(candidate, baseline, wanted, pairs, single, samples))


def judge_macro(differences: Sequence[Estimate | None], margin: float) -> NoninferiorityVerdict | None:
    """Judge the macro average of tasks, stratified: independent tasks, each with its own bounds.

    `differences` are the 90% intervals of the tasks' differences (`difference` with level 0.90); None where a task is
    missing. An average finds what no task finds alone: T tasks of similar size divide the error by the square root
    of T.
    """
    average = macro(differences)
    return None if average is None else decide(average, margin)


def decide(bounds: Estimate, margin: float) -> NoninferiorityVerdict:
    """Return the verdict that follows from a difference and its two one-sided bounds."""
    outcome: Outcome = "undecided"
    if bounds.low > -margin:
        outcome = "pass"
    elif bounds.high < -margin:
        outcome = "fail"
    return NoninferiorityVerdict(outcome, *bounds, margin)


def samples_needed(a: Floats, b: Floats, wanted: float, pairs: float, single: float, k: int) -> int | None:
    """Samples per item that bring the variance of a difference down to `wanted`.

    `pairs` is `effective_pairs`, `single` the variance of a difference of single samples, `k` the present number of
    samples. None where no number is enough, since the part of the variance that comes from the choice of items stays,
    and where it is unknown, with one sample per item.
    """
    if k < 2:
        return None
    # p(1 - p) k / (k - 1) is the unbiased variance of one sample of an item with the mean score p of k samples.
    from_samples = float(np.mean(a * (1 - a) + b * (1 - b))) * k / (k - 1) / len(a)
    from_items = max(0.0, single / pairs - from_samples / k)
    left = wanted - from_items
    return max(k + 1, math.ceil(from_samples / left)) if left > 0 else None
