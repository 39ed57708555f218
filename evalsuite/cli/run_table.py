"""The table that a run prints at its end."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from evalsuite.run.summary import GradedRun, InvalidExample
from evalsuite.run.summary_schema import RepeatedSamplesSummary, RobustnessSummary, TaskSummary
from evalsuite.run_json import model_with_adapter, read_run_json
from evalsuite.stats.intervals import Estimate
from evalsuite.util.format import interval, p_value, percent, points
from evalsuite.util.text import visible

_AROUND = 60
_EXAMPLES = 3
_WIDTH = 110
"""Least width in characters: a table whose numbers are cut off is worse than one that wraps."""
_COLUMNS = ("task", "n", "accuracy % [95%]", "lenient", "invalid", "trunc.", "trivial", "chance")


def print_run(graded: GradedRun, folder: Path, alarm: float) -> None:
    """Print the table of a run, its notes, a warning where many answers are invalid, and the paths."""
    console = Console(highlight=False, soft_wrap=True, markup=False, emoji=False)
    tasks = graded.summary.tasks
    samples = max(task.samples for task in tasks.values())
    repeated = (f"pass@{samples}", f"maj@{samples}") if samples > 1 else ()
    console.width = max(console.width, _WIDTH + sum(len(column) + 3 for column in repeated))
    identity = read_run_json(folder / "run.json")["identity"]
    console.print(Text(visible(model_with_adapter(identity)), style="bold"))
    table = Table(box=SIMPLE_HEAD, padding=(0, 1), pad_edge=False)
    for column in (*_COLUMNS, *repeated):
        table.add_column(column, justify="left" if column == "task" else "right", no_wrap=True)
    for name, task in tasks.items():
        table.add_row(*_row(name, task))
    if len(tasks) > 1 and graded.summary.macro:
        table.add_section()
        table.add_row("macro average", "", _interval(graded.summary.macro))
    console.print(table, soft_wrap=False, crop=False)
    console.print(
        "trivial: the better of the majority label and the longest option; chance: a uniform guess\n", style="dim"
    )
    for name, task in tasks.items():
        if task.scoring != "generate":
            console.print(Text(f"{name}, {task.scoring}: {_loglikelihood(task)}"))
    for name, task in tasks.items():
        repeats = _repeated_samples(task)
        if repeats:
            console.print(Text(f"{name}, {task.samples} samples: {_repeated(task, repeats)}"))
    for name, task in tasks.items():
        if task.robustness:
            console.print(Text(f"{name}, options rotated: {_rotated(task.robustness)}"))
    for note, names in _notes(tasks).items():
        console.print(Text(visible(f"{', '.join(names)}: {note}"), style="yellow"))
    _print_alarm(console, graded, alarm)
    report = shlex.join(["evalsuite", "report", str(folder), "--out", str(folder / "report")])
    console.print(Text(f"run folder: {visible(str(folder))}\nreport: {visible(report)}"))


def _notes(tasks: Mapping[str, TaskSummary]) -> dict[str, list[str]]:
    """Return each note once, with the tasks that it is about."""
    notes: dict[str, list[str]] = {}
    for name, task in tasks.items():
        for note in task.notes:
            notes.setdefault(note, []).append(name)
    return notes


def _row(name: str, task: TaskSummary) -> list[str]:
    count = f"{task.n} of {task.items}" if task.partial else str(task.n)
    return [
        name,
        count if task.samples == 1 else f"{count} x {task.samples}",
        *_accuracy_cells(task),
        percent(task.invalid),
        percent(task.share("truncated")),
        percent(max(task.trivial_baselines.values())),
        percent(task.chance),
        *_repeated_cells(task),
    ]


def _accuracy_cells(task: TaskSummary) -> list[str]:
    """The strict accuracy with its interval and the lenient one; where strict can't apply, the lenient one has it."""
    if task.format_known:
        return [_interval(task.accuracy), percent(task.accuracy_lenient.value)]
    return ["see lenient", _interval(task.accuracy_lenient)]


def _repeated_cells(task: TaskSummary) -> list[str]:
    repeated = _repeated_samples(task)
    return [percent(repeated.pass_at[str(task.samples)].value), percent(repeated.maj_at_k.value)] if repeated else []


def _repeated_samples(task: TaskSummary) -> RepeatedSamplesSummary | None:
    """What repeated samples show, by the strict parse where it can apply."""
    return task.repeated_samples_of("strict" if task.format_known else "lenient")


def _loglikelihood(task: TaskSummary) -> str:
    """What log-likelihoods show besides the accuracy."""
    normalised = {"per character": task.accuracy_per_character, "per byte": task.accuracy_per_byte}
    parts = [f"{interval(*estimate)} {name}" for name, estimate in normalised.items() if estimate is not None]
    calibration = task.calibration
    if calibration is not None:
        parts.append(f"ECE {calibration.ece.value:.3f} ({calibration.ece_if_calibrated:.3f} if calibrated)")
        parts.append(f"Brier {calibration.brier.value:.3f}")
    return "; ".join(parts)


def _repeated(task: TaskSummary, repeated: RepeatedSamplesSummary) -> str:
    """What several samples per item show besides the accuracy, with intervals."""
    parts = [
        f"pass@{task.samples} {interval(*repeated.pass_at[str(task.samples)])}",
        f"maj@{task.samples} {interval(*repeated.maj_at_k)}",
    ]
    if repeated.rerun is not None:
        parts.append(f"new samples of the same items would give {interval(*repeated.rerun)}")
    return "; ".join(parts)


def _rotated(robustness: RobustnessSummary) -> str:
    """What option rotation shows besides the accuracy."""
    worst = robustness.rotations[robustness.worst]
    return (
        f"right in every rotation {interval(*robustness.all_right)}, "
        f"same text {interval(*robustness.same_text)}; "
        f"worst rotation {robustness.worst}: {points(worst.deviation)} points on its {worst.n} items "
        f"(p {p_value(robustness.p)}, of {robustness.n} items)"
    )


def _interval(estimate: Estimate) -> str:
    """An estimate in percent, padded so that the brackets of a column align."""
    value, low, high = (percent(each) for each in estimate)
    return f"{value:>5} [{low:>4}, {high:>4}]"


def _print_alarm(console: Console, graded: GradedRun, alarm: float) -> None:
    tasks = graded.summary.tasks
    # Where the format isn't known, an answer in another one is no fault of the response.
    alarming = {name: task for name, task in tasks.items() if task.format_known and task.invalid > alarm}
    if not alarming:
        return
    console.print(Text("\nMany responses hold no valid answer, and each of them counts as wrong:", style="bold red"))
    for name, task in alarming.items():
        reasons = ", ".join(f"{count} {status}" for status, count in task.status.items() if status != "ok")
        console.print(Text(visible(f"  {name}: {task.invalid:.1%} invalid ({reasons})")))
        if task.share("truncated") > alarm:
            console.print(
                Text("    stopped at the token limit before an answer: --max-tokens was too small", style="red")
            )
    for example in [example for example in graded.examples if example.task in alarming][:_EXAMPLES]:
        _print_example(console, example)


def _print_example(console: Console, example: InvalidExample) -> None:
    strict, lenient = example.grade.strict, example.grade.lenient
    console.print(
        Text(
            visible(f"  {example.task} {example.record.item}: strict {strict.status}, ")
            + visible(f"lenient {lenient.label or lenient.status}")
        )
    )
    span = strict.span or lenient.span
    console.print(_excerpt(example.record.text, span))


def _excerpt(text: str, span: tuple[int, int] | None) -> Text:
    """Return the end of a response, or the surroundings of its parsed span, which is highlighted."""
    start, end = span or (len(text), len(text))
    before, parsed, after = (
        text[max(0, start - _AROUND) : start],
        text[start:end][: 2 * _AROUND],
        text[end : end + _AROUND],
    )
    line = Text("    ... ", style="dim")
    for part, style in ((before, "dim"), (parsed, "bold reverse"), (after, "dim")):
        line.append(visible(part), style=style)
    return line
