"""`evalsuite compare`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import click
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from evalsuite.analysis.compare import AverageContrast, Comparison, MacroContrast, TaskContrast
from evalsuite.analysis.compare import compare as compare_runs
from evalsuite.analysis.pairing import pair
from evalsuite.analysis.run_result import read_result
from evalsuite.stats.intervals import Estimate
from evalsuite.util.text import visible

_WIDTH = 100
_LOUD = 0.02
"""Difference of the shares of invalid answers above which it is said that part of a difference is one of format."""
_COLUMNS = ("task", "n", "A", "B", "A − B [95%]", "only A", "only B", "p (Holm)", "detect.")


@click.command()
@click.argument("a", type=click.Path(path_type=Path))
@click.argument("b", type=click.Path(path_type=Path))
@click.option(
    "--allow",
    multiple=True,
    metavar="NAME,...",
    help="Compare although these differ (prompt_digest, decoding, decoding.seed, items, ...); the output says so.",
)
@click.option("--lenient", is_flag=True, help="Compare the lenient parse of the answers instead of the strict one.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def compare(a: Path, b: Path, allow: tuple[str, ...], lenient: bool, as_json: bool) -> None:
    """Compare two runs on the same items: A and B are run folders, or the summary.json in one.

    Runs that differ in anything but the model are refused, and the error names what differs.
    """
    allowed = [name.strip() for names in allow for name in names.split(",") if name.strip()]
    found = compare_runs(pair(read_result(a), read_result(b), allow=allowed), "lenient" if lenient else "strict")
    if as_json:
        click.echo(json.dumps(found.to_json(), indent=2, ensure_ascii=False))
    else:
        print_comparison(found)


def print_comparison(found: Comparison) -> None:
    """Print the paired table and, below it, what it means in words."""
    console = Console(highlight=False, soft_wrap=True)
    console.width = max(console.width, _WIDTH)
    for name, result in (("A", found.pairing.a), ("B", found.pairing.b)):
        console.print(Text(f"{name}  {visible(result.model)}", style="bold"), Text(f"  {visible(str(result.path))}"))
    console.print(_table(found), soft_wrap=False, crop=False)
    console.print(_legend(found), style="dim")
    for note in _notes(found):
        console.print(Text(note, style="yellow"), soft_wrap=False)
    console.print()
    if len(found.tasks) > 1:
        for task in found.tasks:
            console.print(Text(f"{visible(task.task)}: {task.verdict}"), soft_wrap=False)
    about = "Average" if found.macro and not found.identical else "Verdict"
    console.print(Text(f"{about}: {found.verdict}", style="bold"), soft_wrap=False)


def _legend(found: Comparison) -> str:
    parse_mode = "strict parse" if found.parse_mode == "strict" else "lenient parse"
    told = f"percent, {parse_mode}; only A: items that A alone has right; p: exact paired test"
    if len(found.tasks) > 1:
        told += f",\nHolm over the family of {found.family} (the macro average has its own)"
    return told + ";\ndetect.: smallest true difference, in points, that would be found with 80% power"


def _notes(found: Comparison) -> Iterator[str]:
    for mark in found.marks:
        yield f"not the same in both runs, and allowed: {visible(mark)}"
    for task in found.tasks:
        if abs(task.invalid[0] - task.invalid[1]) > _LOUD:
            a, b = (_percent(share) for share in task.invalid)
            other = "" if found.parse_mode == "lenient" else "; --lenient compares what they meant"
            yield f"{visible(task.task)}: {a}% of A's answers are invalid and {b}% of B's, and count as wrong{other}"


def _table(found: Comparison) -> Table:
    table = Table(box=SIMPLE_HEAD, padding=(0, 1), collapse_padding=True, pad_edge=False)
    for column in _COLUMNS:
        left = column == "task"
        table.add_column(Text(column), justify="left" if left else "right", no_wrap=not left, overflow="fold")
    for task in found.tasks:
        table.add_row(*_task_row(task))
    if found.macro and found.micro:
        table.add_section()
        table.add_row(*_average_row("macro average", found.macro))
        table.add_row(*_average_row("micro average", found.micro))
    return table


def _task_row(task: TaskContrast) -> tuple[str, ...]:
    count = str(task.n) if task.samples == 1 else f"{task.n} x {task.samples}"
    seen = task.difference
    return (
        visible(task.task),
        count,
        _percent(task.a),
        _percent(task.b),
        _difference(seen.estimate),
        _count(seen.only_a),
        _count(seen.only_b),
        _p(task.p),
        _detectable(task.detectable),
    )


def _average_row(name: str, average: AverageContrast) -> tuple[str, ...]:
    tested = (_p(average.p), _detectable(average.detectable)) if isinstance(average, MacroContrast) else ("", "")
    return name, "", _percent(average.a), _percent(average.b), _difference(average.difference), "", "", *tested


def _percent(share: float) -> str:
    return f"{100 * share:.1f}"


def _signed(share: float) -> str:
    return f"{100 * share:+.1f}"


def _difference(seen: Estimate) -> str:
    return f"{_signed(seen.value)} [{_signed(seen.low):>5}, {_signed(seen.high):>5}]"


def _count(expected: float) -> str:
    """A discordant count: whole with one sample an item, expected with several."""
    return f"{expected:.0f}" if abs(expected - round(expected)) < 1e-9 else f"{expected:.1f}"


def _p(value: float) -> str:
    return "<0.0001" if value < 0.0001 else f"{value:.4f}" if value < 0.1 else f"{value:.2f}"


def _detectable(smallest: float | None) -> str:
    return "none" if smallest is None else _percent(smallest)
