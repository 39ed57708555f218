"""What a person reads at the end of a run."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from evalsuite.run.summary import InvalidExample, Summary
from evalsuite.util.text import visible

_AROUND = 60
_EXAMPLES = 3
_WIDTH = 110
"""Least width in characters: a table whose numbers are cut off is worse than one that wraps."""
_COLUMNS = ("task", "n", "accuracy % [95%]", "lenient", "invalid", "trunc.", "trivial", "chance")


def print_run(summary: Summary, folder: Path, alarm: float) -> None:
    """Print the table of a run, its notes, an alarm where answers weren't readable, and where all of it is."""
    console = Console(highlight=False, soft_wrap=True)
    console.width = max(console.width, _WIDTH)
    tasks: dict[str, dict[str, Any]] = summary.content["tasks"]
    console.print(Text(visible(summary.content["model"]), style="bold"))
    table = Table(box=SIMPLE_HEAD, padding=(0, 1), pad_edge=False)
    for column in _COLUMNS:
        table.add_column(column, justify="left" if column == "task" else "right", no_wrap=True)
    for name, task in tasks.items():
        table.add_row(*_row(name, task))
    if len(tasks) > 1:
        table.add_section()
        table.add_row("macro average", "", _interval(summary.content["macro"]))
    console.print(table, soft_wrap=False, crop=False)
    console.print(
        "trivial: the better of the majority label and the longest option; chance: a uniform guess\n", style="dim"
    )
    for name, task in tasks.items():
        if "calibration" in task:
            console.print(Text(f"{name}, {task['scoring']}: {_weighed(task)}"))
    for name, task in tasks.items():
        if task.get("robustness"):
            console.print(Text(f"{name}, options rotated: {_moved(task['robustness'])}"))
    for note, names in _notes(tasks).items():
        console.print(Text(visible(f"{', '.join(names)}: {note}"), style="yellow"))
    _print_alarm(console, summary, alarm)
    report = shlex.join(["evalsuite", "report", str(folder), "--out", str(folder / "report")])
    console.print(Text(f"run folder: {folder}\nreport: {report}"))


def _notes(tasks: dict[str, dict[str, Any]]) -> dict[str, list[str]]:
    """Each note once, with the tasks that it is about."""
    notes: dict[str, list[str]] = {}
    for name, task in tasks.items():
        for note in task["notes"]:
            notes.setdefault(note, []).append(name)
    return notes


def _row(name: str, task: dict[str, Any]) -> list[str]:
    count = str(task["n"]) if task["n"] == task["items"] else f"{task['n']} of {task['items']}"
    return [
        name,
        count if task["samples"] == 1 else f"{count} x {task['samples']}",
        _interval(task["accuracy"]),
        _percent(task["accuracy_lenient"]["value"]),
        _percent(_share(task, invalid=True)),
        _percent(_share(task, "truncated")),
        _percent(max(task["trivial_baselines"].values())),
        _percent(task["chance"]),
    ]


def _weighed(task: dict[str, Any]) -> str:
    """What log-likelihoods tell besides the accuracy."""
    told = [
        f"{_interval(task[key]).strip()} {key.removeprefix('accuracy_').replace('_', ' ')}"
        for key in ("accuracy_per_character", "accuracy_per_byte")
        if key in task
    ]
    found = task["calibration"]
    if found is not None:
        told.append(f"ECE {found['ece']['value']:.3f} ({found['ece_if_calibrated']:.3f} if calibrated)")
        told.append(f"Brier {found['brier']['value']:.3f}")
    return "; ".join(told)


def _moved(found: dict[str, Any]) -> str:
    """What another order of the options did."""
    worst = found["rotations"][found["worst"]]
    away = f"{100 * worst['deviation']:+.1f} points on its {worst['n']} items"
    return (
        f"right under all rotations {_interval(found['all_right']).strip()}, "
        f"same text {_interval(found['same_text']).strip()}; "
        f"worst rotation {found['worst']}: {away} (p {found['p']:.2g}, of {found['n']} items)"
    )


def _percent(share: float) -> str:
    return f"{100 * share:.1f}"


def _interval(estimate: dict[str, float]) -> str:
    low, high = _percent(estimate["low"]), _percent(estimate["high"])
    return f"{_percent(estimate['value']):>5} [{low:>4}, {high:>4}]"


def _share(task: dict[str, Any], status: str = "ok", invalid: bool = False) -> float:
    counts: dict[str, int] = task["status"]
    total = sum(counts.values())
    count = total - counts.get("ok", 0) if invalid else counts.get(status, 0)
    return count / total


def _print_alarm(console: Console, summary: Summary, alarm: float) -> None:
    loud = {name: task for name, task in summary.content["tasks"].items() if _share(task, invalid=True) > alarm}
    if not loud:
        return
    console.print(Text("\nMany responses hold no valid answer, and each of them counts as wrong:", style="bold red"))
    for name, task in loud.items():
        reasons = ", ".join(f"{count} {status}" for status, count in task["status"].items() if status != "ok")
        console.print(Text(f"  {name}: {_share(task, invalid=True):.1%} invalid ({reasons})"))
        if _share(task, "truncated") > alarm:
            console.print(
                Text("    stopped at the token limit before an answer: --max-tokens was too small", style="red")
            )
    for example in [example for example in summary.examples if example.task in loud][:_EXAMPLES]:
        _print_example(console, example)


def _print_example(console: Console, example: InvalidExample) -> None:
    strict, lenient = example.grade.strict, example.grade.lenient
    console.print(
        Text(
            f"  {example.task} {example.record.item}: strict {strict.status}, lenient {lenient.label or lenient.status}"
        )
    )
    span = strict.span or lenient.span
    console.print(_excerpt(example.record.text, span))


def _excerpt(text: str, span: tuple[int, int] | None) -> Text:
    """The part of a response that was read, marked; or its end, where an answer is expected."""
    start, end = span or (len(text), len(text))
    before, read, after = (
        text[max(0, start - _AROUND) : start],
        text[start:end][: 2 * _AROUND],
        text[end : end + _AROUND],
    )
    line = Text("    ... ", style="dim")
    for part, style in ((before, "dim"), (read, "bold reverse"), (after, "dim")):
        line.append(visible(part), style=style)
    return line
