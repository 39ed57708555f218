"""May a candidate replace a baseline? One task, or an average of tasks, and three verdicts."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np

from evalsuite.stats.averages import macro
from evalsuite.stats.clusters import Floats, Groups, members
from evalsuite.stats.intervals import Estimate
from evalsuite.stats.paired_difference import difference, effective_pairs
from evalsuite.stats.power import PLANNED_DISCORDANCE, POWER, SIZE, quantile

Outcome = Literal["pass", "fail", "undecided"]


class NoninferiorityVerdict(NamedTuple):
    """What a gate says of one difference (candidate - baseline), with its one-sided 95% bounds.

    `items` and `samples` are set where it is undecided: how many items, or answers to each of the present items, would
    decide with 80% power if difference and discordance stayed as seen; None where no number would, or none is known.
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
    models show), never the observed one, which would loosen the gate for a candidate that changes much.
    """
    return (quantile(1 - SIZE) + quantile(power)) * math.sqrt(discordance / items)


def judge(
    candidate: Floats, baseline: Floats, groups: Groups, margin: float, samples: int = 1
) -> NoninferiorityVerdict:
    """Judge one task from item scores of both runs, in the same order of items.

    pass: the lower one-sided 95% bound is above -margin, so a candidate that is worse by the margin passes in 5% of
    cases. fail: the upper one is below -margin. undecided: neither. The bounds are the ends of Tango's 90% interval,
    whose score test is the standard one of non-inferiority for paired shares.
    Source: T. Tango, Statistics in Medicine 17 (1998); J.-P. Liu et al., Statistics in Medicine 21 (2002).
    """
    found = difference(candidate, baseline, groups, samples, level=1 - 2 * SIZE)
    verdict = decide(found.estimate, margin)
    if verdict.outcome != "undecided":
        return verdict
    pairs = effective_pairs(candidate, baseline, members(groups), samples)
    single = found.discordance - found.value**2
    wanted = ((found.value + margin) / (quantile(1 - SIZE) + quantile(POWER))) ** 2
    if wanted <= 0 or single <= 0:
        return verdict
    items = math.ceil(single / wanted * found.items / pairs)
    # With 80% power asked for, a bound that only just misses can ask for no more items than there are.
    more = verdict._replace(items=max(items, found.items + 1))
    return more._replace(samples=samples_needed(candidate, baseline, wanted, pairs, single, samples))


def judge_macro(differences: Sequence[Estimate | None], margin: float) -> NoninferiorityVerdict | None:
    """Judge the macro average of tasks, stratified: independent tasks, each with its own bounds.

    `differences` are the 90% intervals of the tasks' differences (`paired.difference` with level 0.90). Missing where
    a task is missing. It sees what no task can see alone: T tasks of like size divide the error by the square root
    of T.
    """
    average = macro(differences)
    return None if average is None else decide(average, margin)


def decide(bounds: Estimate, margin: float) -> NoninferiorityVerdict:
    """The verdict that follows from a difference and its two one-sided bounds."""
    outcome: Outcome = "undecided"
    if bounds.low > -margin:
        outcome = "pass"
    elif bounds.high < -margin:
        outcome = "fail"
    return NoninferiorityVerdict(outcome, *bounds, margin)


def samples_needed(a: Floats, b: Floats, wanted: float, pairs: float, single: float, k: int) -> int | None:
    """Answers an item that bring the variance of a difference down to `wanted`; unknown (None) from one answer an item.

    `pairs` is `paired.effective_pairs`, `single` the variance of a difference of single answers, `k` the present number
    of answers. None too where no number does.
    """
    if k < 2:
        return None
    answer = float(np.mean(a * (1 - a) + b * (1 - b))) * k / (k - 1) / len(a)
    from_items = max(0.0, single / pairs - answer / k)
    left = wanted - from_items
    return max(k + 1, math.ceil(answer / left)) if left > 0 else None
