"""Two runs on the same items: which is better on which task, how certain that is, and what could have been found."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from evalsuite.analysis.comparability import PairedTask, Pairing, marks
from evalsuite.analysis.training_overlap import Overlaps, TaskOverlap, marks_of, restrict
from evalsuite.run.summary_schema import ParseMode
from evalsuite.stats.contrast import Contrast, contrast
from evalsuite.stats.intervals import Estimate
from evalsuite.stats.macro_average import micro
from evalsuite.stats.multiple_testing import holm
from evalsuite.stats.power import PLANNED_DISCORDANCE, POWER, SIZE
from evalsuite.util.format import p_value, percent, points, points_interval, rough_count
from evalsuite.util.notebook_html import html_block, html_table, interval_plot

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class TaskContrast:
    """A against B on one task; everything is a fraction."""

    task: str
    n: int
    samples: int
    contrast: Contrast
    """A - B, with the p-value of this task alone."""
    p_holm: float
    """The p-value adjusted by Holm's method within the comparison's family."""
    invalid: tuple[float, float]
    """Share of A's and of B's responses without a valid answer, in this parse mode."""
    identical: bool
    """Whether every sample has the same label and status in both runs."""

    @property
    def significant(self) -> bool:
        """Whether the adjusted p-value is below 5%."""
        return self.p_holm < SIZE

    @property
    def verdict(self) -> str:
        """The result in one sentence, with what the test could have found where it found nothing."""
        if self.identical:
            return "every answer is the same in both runs."
        return _verdict(self.contrast, self.significant)


@dataclass(frozen=True, slots=True)
class MicroContrast:
    """A against B on the mean over the items of all tasks; `a` and `b` are the mean accuracies."""

    a: float
    b: float
    difference: Estimate


@dataclass(frozen=True, slots=True)
class Comparison:
    """All paired results of two runs. Differences are A - B."""

    pairing: Pairing
    parse_mode: ParseMode
    tasks: tuple[TaskContrast, ...]
    family: str
    """The tests that Holm's adjustment covers, in words."""
    macro: Contrast | None
    """The average in which each task weighs the same, with a test of its own: it answers one question, so it isn't in
    the tasks' family. None where there is one task."""
    micro: MicroContrast | None
    """The average in which each item weighs the same."""
    training_overlap: tuple[TaskOverlap, ...] = ()
    """What is known of both models' training data."""

    def __repr__(self) -> str:
        return f"Comparison(A {self.pairing.a.full_model!r}, B {self.pairing.b.full_model!r}: {self.verdict})"

    def _repr_html_(self) -> str:
        """Show the comparison in a notebook: a table of the differences in points, and their intervals."""
        rows = [[task.task, str(task.n), *_cells(task.contrast), p_value(task.p_holm)] for task in self.tasks]
        shown = {task.task: task.contrast.difference.estimate for task in self.tasks}
        if self.macro:
            rows.append(["macro average", "", *_cells(self.macro), p_value(self.macro.difference.p)])
            shown["macro average"] = self.macro.difference.estimate
        widest = math.ceil(10 * max(max(abs(each.low), abs(each.high)) for each in shown.values())) / 10
        limits = (-widest, widest)
        ticks = {at: points(at) for at in (-widest, -widest / 2, 0.0, widest / 2, widest)}
        table = html_table(["task", "items", "A %", "B %", "A − B points [95%]", "p"], rows)
        plot = interval_plot(shown, limits, ticks, "difference A − B with its 95% interval")
        names = f"A {self.pairing.a.full_model}, B {self.pairing.b.full_model}: {self.verdict}"
        return html_block(names, table, plot)

    @property
    def identical(self) -> bool:
        """Whether both runs gave the same answers."""
        return all(task.identical for task in self.tasks)

    @property
    def marks(self) -> list[str]:
        """The mismatches between the runs that were allowed."""
        return marks(self.pairing.allowed)

    @property
    def verdict(self) -> str:
        """The result in one sentence: that of the macro average, or of the only task."""
        if self.identical:
            count = sum(each.a.table.num_rows for each in self.pairing.pairs)
            return f"identical: all {count:,} answers are the same."
        return _macro_verdict(self.macro) if self.macro else self.tasks[0].verdict

    def to_json(self) -> Json:
        """The comparison as plain data, fractions and not percent."""
        return {
            "schema": 1,
            "a": _run_json(self.pairing, "a"),
            "b": _run_json(self.pairing, "b"),
            "parse_mode": self.parse_mode,
            "identical": self.identical,
            "verdict": self.verdict,
            "allowed": [mismatch._asdict() for mismatch in self.pairing.allowed],
            **self.overlap_json(),
            **self.contrasts_json(),
        }

    def overlap_json(self) -> Json:
        """What training data have of the items, and how many were left out for that."""
        before = self.pairing.items_before
        kept = {each.task: len(each.items) for each in self.pairing.pairs}
        return {
            "training_overlap": [each.model_dump() for each in self.training_overlap],
            "clean": before and {task: {"before": n, "after": kept[task]} for task, n in before.items()},
        }

    @property
    def overlap_notes(self) -> list[str]:
        """The same in sentences."""
        notes = [f"{each}." for each in self.training_overlap if each.found != 0]
        kept = {each.task: len(each.items) for each in self.pairing.pairs}
        for task, n in (self.pairing.items_before or {}).items():
            notes.append(f"{task}: compared on the {kept[task]:,} of its {n:,} items that no known training data have.")
        return notes

    def contrasts_json(self) -> Json:
        """The contrasts alone, without what they are about."""
        return {
            "family": self.family,
            "tasks": {task.task: _task_json(task) for task in self.tasks},
            "macro": self.macro and {**_contrast_json(self.macro), "verdict": _macro_verdict(self.macro)},
            "micro": self.micro
            and {"a": self.micro.a, "b": self.micro.b, "difference": self.micro.difference._asdict()},
        }


def compare(
    pairing: Pairing, parse_mode: ParseMode = "strict", overlaps: Overlaps | None = None, clean: bool = False
) -> Comparison:
    """Compare two paired runs task by task and on average.

    `overlaps`: what is known of the models' training data. `clean`: only on the items that those don't have.
    """
    overlaps = overlaps or {}
    names = [each.task for each in pairing.pairs]
    marked = tuple(mark for result in (pairing.a, pairing.b) for mark in marks_of(result, overlaps, names))
    if clean and pairing.items_before is None:
        pairing = restrict(pairing, overlaps)
    pairs = pairing.pairs
    contrasts = [contrast([pair.paired_scores(parse_mode)], len(pairs)) for pair in pairs]
    family = holm([each.difference.p for each in contrasts], f"{len(pairs)} tasks")
    tasks = tuple(
        _task_contrast(pair, parse_mode, each, float(p))
        for pair, each, p in zip(pairs, contrasts, family.p, strict=True)
    )
    several = len(pairs) > 1
    return Comparison(
        pairing=pairing,
        parse_mode=parse_mode,
        tasks=tasks,
        family=family.name if several else "1 task",
        macro=contrast([pair.paired_scores(parse_mode) for pair in pairs]) if several else None,
        micro=_micro(tasks) if several else None,
        training_overlap=marked,
    )


def _cells(result: Contrast) -> list[str]:
    return [percent(result.a), percent(result.b), points_interval(*result.difference.estimate)]


def _task_contrast(pair: PairedTask, parse_mode: ParseMode, result: Contrast, p_holm: float) -> TaskContrast:
    return TaskContrast(
        task=pair.task,
        n=len(pair.items),
        samples=pair.samples,
        contrast=result,
        p_holm=p_holm,
        invalid=(pair.a.invalid(parse_mode), pair.b.invalid(parse_mode)),
        identical=pair.identical,
    )


def _micro(tasks: Sequence[TaskContrast]) -> MicroContrast:
    items = [task.n for task in tasks]
    return MicroContrast(
        a=math.fsum(task.contrast.a * task.n for task in tasks) / sum(items),
        b=math.fsum(task.contrast.b * task.n for task in tasks) / sum(items),
        difference=micro([task.contrast.difference.estimate for task in tasks], items),
    )


def _macro_verdict(result: Contrast) -> str:
    return _verdict(result, result.difference.p < SIZE, " over all tasks")


def _verdict(result: Contrast, significant: bool, items_of: str = "") -> str:
    if significant:
        return _better(result.difference.estimate)
    return f"not significant. {_power(result)}{_needed(result, items_of)}"


def _better(difference: Estimate) -> str:
    a_wins = difference.value > 0
    name, low, high = ("A", difference.low, difference.high) if a_wins else ("B", -difference.high, -difference.low)
    return f"{name} is better by {_points(abs(difference.value))} (95%: {percent(low)} to {percent(high)})."


def _power(result: Contrast) -> str:
    """What the test could have found: never left out where it found nothing."""
    if result.detectable is not None:
        return f"A difference of {_points(result.detectable)} would have been found with {POWER:.0%} power."
    return (
        "The runs agree on too many items for any difference to be found; "
        f"if they disagreed on {PLANNED_DISCORDANCE:.0%}, one of {_points(result.planned)} would be."
    )


def _needed(result: Contrast, items_of: str) -> str:
    if result.items_needed is None:
        return ""
    samples = f", or {result.samples_needed} samples of each of these" if result.samples_needed else ""
    observed = _points(abs(result.difference.value))
    return f" To find the {observed} observed: about {rough_count(result.items_needed)} items{items_of}{samples}."


def _points(share: float) -> str:
    return f"{percent(share)} points"


def _run_json(pairing: Pairing, which: str) -> Json:
    result = pairing.a if which == "a" else pairing.b
    return {"model": result.model, "run": result.summary.run, "path": str(result.path)}


def _task_json(task: TaskContrast) -> Json:
    return {
        "n": task.n,
        "samples": task.samples,
        **_contrast_json(task.contrast),
        "p_holm": task.p_holm,
        "invalid": {"a": task.invalid[0], "b": task.invalid[1]},
        "identical": task.identical,
        "verdict": task.verdict,
    }


def _contrast_json(result: Contrast) -> Json:
    return {
        "a": result.a,
        "b": result.b,
        "difference": result.difference.estimate._asdict(),
        "only_a": result.difference.only_a,
        "only_b": result.difference.only_b,
        "p": result.difference.p,
        "level": result.level,
        "detectable": result.detectable,
        "items_needed": result.items_needed,
        "samples_needed": result.samples_needed,
    }
