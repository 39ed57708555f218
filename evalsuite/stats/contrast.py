"""Two models on the same items: the one comparison that `compare`, reports and gates print.

A contrast is about one task, or about the macro average of several. Its parts come from the modules beside this one:
Tango's interval, the sign-flip test and the power formulas of a paired comparison. Everything is a fraction.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from evalsuite.stats.clusters import Floats, Ints, summed
from evalsuite.stats.macro_average import macro
from evalsuite.stats.noninferiority import samples_needed
from evalsuite.stats.paired_difference import PairedDifference, difference, effective_pairs
from evalsuite.stats.permutation import sign_flip_test
from evalsuite.stats.power import PLANNED_DISCORDANCE, POWER, SIZE, detectable, quantile, required_items


class PairedScores(NamedTuple):
    """Item scores of A and of B on one task, in the same order of items; arrays have shape (items,)."""

    a: Floats
    b: Floats
    member: Ints
    """Cluster of each item, numbered from 0."""
    samples: int
    """Responses that a score is the mean of."""
    repeatable: bool = True
    """Whether further samples could be drawn; with rotated options an item has as many orders as it has."""

    @property
    def effective(self) -> float:
        """Number of independent pairs of single responses that are worth as much as these scores."""
        return effective_pairs(self.a, self.b, self.member, self.samples)


@dataclass(frozen=True, slots=True)
class Contrast:
    """A minus B on one task or on the macro average of several, with what the test could have found."""

    a: float
    b: float
    """Accuracies of A and of B."""
    difference: PairedDifference
    """With its 95% interval and the p-value of this test alone; counts of an average are sums over its tasks."""
    level: float
    """Two-sided level that power is stated for: 5% divided by the number of tests in the family."""
    detectable: float | None
    """The smallest true difference that the test finds with 80% power; None where the runs differ on too few items
    for any difference to be found."""
    planned: float
    """The same if the runs differed on as many items as close models do."""
    items_needed: int | None
    """Items that would find a difference as large as the observed one with 80% power; None where there is none.
    Of an average: items of all its tasks, in the present proportions."""
    samples_needed: int | None
    """Samples of each present item that would; None where no number would, or where it can't be estimated."""


def contrast(tasks: Sequence[PairedScores], tests: int = 1) -> Contrast:
    """Compare A with B on one task, or on the macro average of several.

    `tests` is the number of comparisons that the reader sees together. Holm's method tests the smallest of their
    p-values at 5% / tests, so power that is stated for this level holds for whichever of them is the smallest.
    """
    level = SIZE / tests
    parts = [difference(task.a, task.b, task.member, task.samples) for task in tasks]
    total = parts[0] if len(parts) == 1 else _average(parts, tasks)
    share = 1 / len(tasks)
    effective = [task.effective for task in tasks]
    # The error of a mean of independent parts is the root of their squared errors, divided by their number.
    smallest = (
        math.hypot(*(detectable(n, part.discordance, size=level) for n, part in zip(effective, parts, strict=True)))
        * share
    )
    discordance = math.fsum(part.discordance for part in parts) * share
    return Contrast(
        a=math.fsum(float(task.a.mean()) for task in tasks) * share,
        b=math.fsum(float(task.b.mean()) for task in tasks) * share,
        difference=total,
        level=level,
        # No difference can exceed the discordance. Where the smallest one that would be found does, none would.
        detectable=smallest if 0 < smallest <= discordance else None,
        planned=math.hypot(*(detectable(n, PLANNED_DISCORDANCE, size=level) for n in effective)) * share,
        items_needed=_items_needed(total, effective[0] if len(tasks) == 1 else None, smallest, level),
        samples_needed=_samples_needed(tasks[0], total, effective[0], level) if len(tasks) == 1 else None,
    )


def paired_p(tasks: Sequence[PairedScores]) -> float:
    """Two-sided p of the sign-flip test on the mean over tasks: an item of a task of n items has weight 1 / n.

    It is exact wherever the weighted sums have a common denominator, as `sign_flip_test` explains. The saddlepoint
    approximation alone, which is for continuous statistics, gives up to half an atom less.
    """
    if len(tasks) == 1:
        return sign_flip_test(summed(tasks[0].a - tasks[0].b, tasks[0].member))
    return sign_flip_test(np.concatenate([summed(task.a - task.b, task.member) / len(task.a) for task in tasks]))


def _average(parts: Sequence[PairedDifference], tasks: Sequence[PairedScores]) -> PairedDifference:
    """Average over tasks, with equal weights."""
    return PairedDifference(
        *macro([part.estimate for part in parts]),
        only_a=math.fsum(part.only_a for part in parts),
        only_b=math.fsum(part.only_b for part in parts),
        items=sum(part.items for part in parts),
        p=paired_p(tasks),
    )


def _items_needed(total: PairedDifference, effective: float | None, smallest: float, level: float) -> int | None:
    """Scale the present items so that the smallest difference found becomes the observed one.

    `effective` is the number of effective pairs of a single task. An item of a clustered task is worth less than one
    pair and an item with several samples is worth more, so the pairs that the formula requires are converted to items.
    """
    if abs(total.value) < 1e-12:
        return None
    if effective is not None:
        required = required_items(total.value, total.discordance, size=level) or 0
        items = math.ceil(required * total.items / effective)
    else:
        items = math.ceil(total.items * (smallest / total.value) ** 2)
    # Power of 80% can require fewer items than a test that just missed has had.
    return items if total.p < level else max(items, total.items + 1)


def _samples_needed(task: PairedScores, total: PairedDifference, effective: float, level: float) -> int | None:
    if abs(total.value) < 1e-12:
        return None
    wanted = (total.value / (quantile(1 - level / 2) + quantile(POWER))) ** 2
    single = total.discordance - total.value**2
    return samples_needed(task.a, task.b, wanted, effective, single, task.samples if task.repeatable else 1)
