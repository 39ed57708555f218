"""Two runs on the same items: who is better on which task, how sure that is, and what could have been seen at all."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from evalsuite.analysis.pairing import PairedTask, Pairing, marks
from evalsuite.analysis.run_result import ParseMode
from evalsuite.stats.averages import macro, micro
from evalsuite.stats.clusters import Floats, summed
from evalsuite.stats.intervals import Estimate
from evalsuite.stats.multiple_testing import holm
from evalsuite.stats.noninferiority import samples_needed
from evalsuite.stats.paired_difference import PairedDifference, difference, effective_pairs
from evalsuite.stats.permutation import sign_flip_test
from evalsuite.stats.power import PLANNED_DISCORDANCE, POWER, SIZE, detectable, quantile, required_items

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class TaskContrast:
    """A against B on one task; everything is a fraction."""

    task: str
    n: int
    samples: int
    a: float
    b: float
    """Accuracies of A and of B."""
    difference: PairedDifference
    """A - B, with its paired 95% interval, the discordant counts and the exact p of this task alone."""
    p: float
    """Holm's, within the comparison's family."""
    detectable: float | None
    """The smallest true difference that this test finds with 80% power; None: none, the runs disagree too seldom."""
    planned: float
    """The same if the runs disagreed as often as close models do."""
    items: int | None
    """Items that would settle a difference as large as the one seen; None where there is none."""
    more_samples: int | None
    """Answers to each present item that would; None where no number would, or where none is known."""
    invalid: tuple[float, float]
    """Share of A's and of B's responses without a valid answer, in this reading."""
    identical: bool
    """Whether every sample has the same label and status in both runs."""

    @property
    def significant(self) -> bool:
        """Whether the test tells the two apart."""
        return self.p < SIZE

    @property
    def verdict(self) -> str:
        """What the task says, in words."""
        if self.identical:
            return "every answer is the same in both runs."
        if self.significant:
            return _better(self.difference.estimate)
        return f"not told apart. {_seen(self.detectable, self.planned)}{self._settled()}"

    def _settled(self) -> str:
        if self.items is None:
            return ""
        also = f", or {self.more_samples} samples of each of these" if self.more_samples else ""
        return f" To settle the {_points(abs(self.difference.value))} seen: some {rough(self.items)} items{also}."


@dataclass(frozen=True, slots=True)
class AverageContrast:
    """A against B on the mean of several tasks; `a` and `b` are the mean accuracies."""

    a: float
    b: float
    difference: Estimate


@dataclass(frozen=True, slots=True)
class MacroContrast(AverageContrast):
    """The average in which each task weighs the same, with its own test: one question, so not in the tasks' family."""

    p: float
    detectable: float | None
    planned: float

    @property
    def verdict(self) -> str:
        """What the average says, in words."""
        if self.p < SIZE:
            return _better(self.difference)
        return f"not told apart. {_seen(self.detectable, self.planned)}"


@dataclass(frozen=True, slots=True)
class Comparison:
    """Everything that two runs say of each other. Differences are A - B."""

    pairing: Pairing
    parse_mode: ParseMode
    tasks: tuple[TaskContrast, ...]
    family: str
    """What Holm's adjustment is over, in words."""
    macro: MacroContrast | None
    """None where there is one task."""
    micro: AverageContrast | None
    """The average in which each item weighs the same."""

    @property
    def identical(self) -> bool:
        """Whether both runs gave the same answers."""
        return all(task.identical for task in self.tasks)

    @property
    def marks(self) -> list[str]:
        """What differs between the runs and was allowed to."""
        return marks(self.pairing.allowed)

    @property
    def verdict(self) -> str:
        """The whole in one sentence."""
        if self.identical:
            count = sum(each.a.table.num_rows for each in self.pairing.pairs)
            return f"identical: all {count:,} answers are the same."
        return self.macro.verdict if self.macro else self.tasks[0].verdict

    def to_json(self) -> Json:
        """The comparison as plain data, fractions and not percent."""
        return {
            "schema": 1,
            "a": _about(self.pairing, "a"),
            "b": _about(self.pairing, "b"),
            "parse_mode": self.parse_mode,
            "identical": self.identical,
            "verdict": self.verdict,
            "allowed": [disparity._asdict() for disparity in self.pairing.allowed],
            "family": self.family,
            "tasks": {task.task: _contrast(task) for task in self.tasks},
            "macro": self.macro and _macro_json(self.macro),
            "micro": self.micro and _average(self.micro),
        }


def compare(pairing: Pairing, parse_mode: ParseMode = "strict") -> Comparison:
    """Compare two paired runs task by task and on average."""
    pairs = pairing.pairs
    found = [difference(*each.scores(parse_mode), each.member, each.answers) for each in pairs]
    family = holm([each.p for each in found], f"{len(pairs)} tasks")
    tasks = tuple(
        _contrast_of(each, parse_mode, seen, float(p), SIZE / len(pairs))
        for each, seen, p in zip(pairs, found, family.p, strict=True)
    )
    several = len(pairs) > 1
    return Comparison(
        pairing=pairing,
        parse_mode=parse_mode,
        tasks=tasks,
        family=family.name if several else "1 task",
        macro=_macro(pairs, parse_mode, tasks) if several else None,
        micro=_micro(tasks) if several else None,
    )


def _contrast_of(
    pair: PairedTask, parse_mode: ParseMode, seen: PairedDifference, p: float, size: float
) -> TaskContrast:
    """`size`: the level at which the smallest p of the family is tested, so that what is told holds for any of them."""
    a, b = pair.scores(parse_mode)
    alone = effective_pairs(a, b, pair.member, pair.answers)
    items, more = _settling(pair, parse_mode, seen, alone, size)
    return TaskContrast(
        task=pair.task,
        n=len(a),
        samples=pair.samples,
        a=float(a.mean()),
        b=float(b.mean()),
        difference=seen,
        p=p,
        detectable=_visible(detectable(alone, seen.discordance, size=size), seen.discordance),
        planned=detectable(alone, PLANNED_DISCORDANCE, size=size),
        items=items,
        more_samples=more,
        invalid=(pair.a.invalid(parse_mode), pair.b.invalid(parse_mode)),
        identical=pair.identical,
    )


def _settling(
    pair: PairedTask, parse_mode: ParseMode, seen: PairedDifference, alone: float, size: float
) -> tuple[int | None, int | None]:
    """Items, or samples of each of these items, that would settle a difference as large as the one seen."""
    if abs(seen.value) < 1e-12:
        return None, None
    required = required_items(seen.value, seen.discordance, size=size) or 0
    # A test that only just misses can ask for no more items than there are.
    items = max(math.ceil(required * len(pair.items) / alone), len(pair.items) + 1)
    wanted = (seen.value / (quantile(1 - size / 2) + quantile(POWER))) ** 2
    single = seen.discordance - seen.value**2
    return items, samples_needed(*pair.scores(parse_mode), wanted, alone, single, pair.answers if pair.more else 1)


def _macro(pairs: Sequence[PairedTask], parse_mode: ParseMode, tasks: Sequence[TaskContrast]) -> MacroContrast:
    share = 1 / len(tasks)
    alone = [effective_pairs(*pair.scores(parse_mode), pair.member, pair.answers) for pair in pairs]
    discordant = [task.difference.discordance for task in tasks]
    return MacroContrast(
        a=math.fsum(task.a for task in tasks) * share,
        b=math.fsum(task.b for task in tasks) * share,
        difference=macro([task.difference.estimate for task in tasks]),
        p=sign_flip_test(np.concatenate([_weighed(pair, parse_mode) for pair in pairs])),
        detectable=_visible(
            math.hypot(*(detectable(n, psi) for n, psi in zip(alone, discordant, strict=True))) * share,
            math.fsum(discordant) * share,
        ),
        planned=math.hypot(*(detectable(n, PLANNED_DISCORDANCE) for n in alone)) * share,
    )


def _weighed(pair: PairedTask, parse_mode: ParseMode) -> Floats:
    """Differences summed over clusters, an item weighing 1 / items of its task."""
    a, b = pair.scores(parse_mode)
    return summed(a - b, pair.member) / len(a)


def _micro(tasks: Sequence[TaskContrast]) -> AverageContrast:
    items = [task.n for task in tasks]
    return AverageContrast(
        a=math.fsum(task.a * task.n for task in tasks) / sum(items),
        b=math.fsum(task.b * task.n for task in tasks) / sum(items),
        difference=micro([task.difference.estimate for task in tasks], items),
    )


def _better(seen: Estimate) -> str:
    name, low, high = ("A", seen.low, seen.high) if seen.value > 0 else ("B", -seen.high, -seen.low)
    return f"{name} is better by {_points(abs(seen.value))} (95%: {100 * low:.1f} to {100 * high:.1f})."


def _visible(smallest: float, discordance: float) -> float | None:
    """No difference exceeds the discordance: where the smallest that would be found does, none would."""
    return smallest if 0 < smallest <= discordance else None


def _seen(smallest: float | None, planned: float) -> str:
    """What the test could have found: never left out where it found nothing."""
    if smallest is not None:
        return f"A difference of {_points(smallest)} would have been found with {POWER:.0%} power."
    return (
        "The runs agree on too many items for any difference to be found; "
        f"if they disagreed on {PLANNED_DISCORDANCE:.0%}, one of {_points(planned)} would be."
    )


def rough(count: int) -> str:
    """A number of items that nobody knows to the last one, on two digits: 134,203 is 140,000."""
    step = 10 ** max(0, len(str(count)) - 2)
    return f"{math.ceil(count / step) * step:,}"


def _points(share: float) -> str:
    return f"{100 * share:.1f} points"


def _about(pairing: Pairing, which: str) -> Json:
    result = pairing.a if which == "a" else pairing.b
    return {"model": result.model, "run": result.summary["run"], "path": str(result.path)}


def _average(average: AverageContrast) -> Json:
    return {"a": average.a, "b": average.b, "difference": average.difference._asdict()}


def _macro_json(average: MacroContrast) -> Json:
    told = {"p": average.p, "detectable": average.detectable, "verdict": average.verdict}
    return {**_average(average), **told}


def _contrast(task: TaskContrast) -> Json:
    seen = task.difference
    return {
        "n": task.n,
        "samples": task.samples,
        "a": task.a,
        "b": task.b,
        "difference": seen.estimate._asdict(),
        "only_a": seen.only_a,
        "only_b": seen.only_b,
        "p": seen.p,
        "p_holm": task.p,
        "invalid": {"a": task.invalid[0], "b": task.invalid[1]},
        "detectable": task.detectable,
        "items_needed": task.items,
        "samples_needed": task.more_samples,
        "identical": task.identical,
        "verdict": task.verdict,
    }
