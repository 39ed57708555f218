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

from evalsuite.analysis.comparability import check_distinct, pair
from evalsuite.analysis.compare import Comparison, MicroContrast, TaskContrast
from evalsuite.analysis.compare import compare as compare_runs
from evalsuite.analysis.run_result import read_result
from evalsuite.analysis.training_overlap import read_overlaps
from evalsuite.cli.overlap_option import training_overlap_option
from evalsuite.stats.contrast import Contrast
from evalsuite.stats.intervals import Estimate
from evalsuite.util.format import p_value, percent, points
from evalsuite.util.text import visible

_WIDTH = 100
_NOTABLE = 0.02
"""Difference of the shares of invalid answers above which a note says that formats account for part of the result."""
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
@training_overlap_option
@click.option("--clean", is_flag=True, help="Compare on the items alone that no named training data have.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def compare(
    a: Path,
    b: Path,
    allow: tuple[str, ...],
    lenient: bool,
    training_overlap: tuple[tuple[Path, Path], ...],
    clean: bool,
    as_json: bool,
) -> None:
    """Compare two runs on the same items: A and B are run folders, or the summary.json in one.

    Runs that differ in anything but the model are refused, and the error names what differs.
    """
    allowed = [name.strip() for names in allow for name in names.split(",") if name.strip()]
    runs = read_result(a), read_result(b)
    for run in runs:  # the grades that are compared are those of the responses in the folder
        run.check_responses()
    check_distinct(runs)
    overlaps = read_overlaps(training_overlap, runs)
    result = compare_runs(pair(*runs, allow=allowed), "lenient" if lenient else "strict", overlaps, clean)
    if as_json:
        click.echo(json.dumps(result.to_json(), indent=2, ensure_ascii=False))
    else:
        print_comparison(result)


def print_comparison(result: Comparison) -> None:
    """Print the paired table and, below it, what it means in words."""
    console = Console(highlight=False, soft_wrap=True, markup=False, emoji=False)
    console.width = max(console.width, _WIDTH)
    for name, run in (("A", result.pairing.a), ("B", result.pairing.b)):
        console.print(Text(f"{name}  {visible(run.full_model)}", style="bold"), Text(f"  {visible(str(run.path))}"))
    console.print(_table(result), soft_wrap=False, crop=False)
    console.print(_legend(result), style="dim")
    for note in _notes(result):
        console.print(Text(note, style="yellow"), soft_wrap=False)
    console.print()
    if len(result.tasks) > 1:
        for task in result.tasks:
            console.print(Text(f"{visible(task.task)}: {task.verdict}"), soft_wrap=False)
    about = "Average" if result.macro and not result.identical else "Verdict"
    console.print(Text(f"{about}: {result.verdict}", style="bold"), soft_wrap=False)


def _legend(result: Comparison) -> str:
    legend = f"percent, {result.parse_mode} parse; only A: items that only A has right; p: exact paired test"
    if len(result.tasks) > 1:
        legend += f",\nHolm over the family of {result.family} (the macro average has its own)"
    legend += ";\ndetect.: smallest true difference, in points, that would be found with 80% power"
    contrasts = [task.contrast for task in result.tasks] + ([result.macro] if result.macro else [])
    none = any(contrast.detectable is None for contrast in contrasts)
    return legend + (
        ";\nnone: the runs disagree on too few items for any difference to be found with 80% power" if none else ""
    )


def _notes(result: Comparison) -> Iterator[str]:
    for mark in result.marks:
        yield f"not the same in both runs, and allowed: {visible(mark)}"
    yield from map(visible, result.overlap_notes)
    for task in result.tasks:
        if abs(task.invalid[0] - task.invalid[1]) > _NOTABLE:
            a, b = (percent(share) for share in task.invalid)
            hint = "" if result.parse_mode == "lenient" else "; --lenient compares the answers whatever their format"
            yield f"{visible(task.task)}: {a}% of A's answers are invalid and {b}% of B's, and count as wrong{hint}"


def _table(result: Comparison) -> Table:
    table = Table(box=SIMPLE_HEAD, padding=(0, 1), collapse_padding=True, pad_edge=False)
    for column in _COLUMNS:
        left = column == "task"
        table.add_column(Text(column), justify="left" if left else "right", no_wrap=not left, overflow="fold")
    for task in result.tasks:
        table.add_row(*_task_row(task))
    if result.macro and result.micro:
        table.add_section()
        tests = (p_value(result.macro.difference.p), _detectable(result.macro))
        table.add_row(*_average_row("macro average", result.macro, result.macro.difference.estimate), *tests)
        table.add_row(*_average_row("micro average", result.micro, result.micro.difference))
    return table


def _task_row(task: TaskContrast) -> tuple[str, ...]:
    count = str(task.n) if task.samples == 1 else f"{task.n} x {task.samples}"
    contrast = task.contrast
    return (
        visible(task.task),
        count,
        percent(contrast.a),
        percent(contrast.b),
        _difference(contrast.difference.estimate),
        _count(contrast.difference.only_a),
        _count(contrast.difference.only_b),
        p_value(task.p_holm),
        _detectable(contrast),
    )


def _average_row(name: str, average: Contrast | MicroContrast, difference: Estimate) -> tuple[str, ...]:
    return name, "", percent(average.a), percent(average.b), _difference(difference), "", ""


def _difference(difference: Estimate) -> str:
    """A difference in points with its interval, padded so that the brackets of a column align."""
    value, low, high = (points(each) for each in difference)
    return f"{value} [{low:>5}, {high:>5}]"


def _count(items: float) -> str:
    """A discordant count: an integer with one sample per item, an expectation with several."""
    return f"{items:.0f}" if abs(items - round(items)) < 1e-9 else f"{items:.1f}"


def _detectable(contrast: Contrast) -> str:
    return "none" if contrast.detectable is None else percent(contrast.detectable)
