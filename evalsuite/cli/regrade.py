"""`evalsuite regrade`."""

from __future__ import annotations

import json
from pathlib import Path

import click
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from evalsuite.analysis.regrade import READINGS, GradeChange, Regraded
from evalsuite.analysis.regrade import regrade as regrade_run
from evalsuite.util.format import percent

_WIDTH = 110


@click.command()
@click.argument("run", type=click.Path(file_okay=False, path_type=Path))
@click.option("--data-dir", type=click.Path(path_type=Path), help="A mirror of the data [default: the run's own].")
@click.option("--json", "as_json", is_flag=True, help="Print the differences as JSON.")
def regrade(run: Path, data_dir: Path | None, as_json: bool) -> None:
    """Read a run's responses again with the present parser; nothing is asked again.

    Prints which verdicts changed, by rule, and each task's accuracy before and after. The grades and the summary before
    are kept beside the new ones under the old parser's name.
    """
    found = regrade_run(run, data_dir)
    if as_json:
        click.echo(json.dumps(found.to_json(), indent=2))
    else:
        _print(found)


def _print(found: Regraded) -> None:
    console = Console(highlight=False, soft_wrap=True)
    console.width = max(console.width, _WIDTH)
    console.print(Text(f"{found.after.model}: parser {found.was} -> {found.now}", style="bold"))
    console.print(_accuracies(found), soft_wrap=False, crop=False)
    for reading in READINGS:
        changes = [change for change in found.changes if change.parse_mode == reading]
        if changes:
            console.print(Text(f"{reading} verdicts that changed", style="bold"))
            console.print(_changes(changes), soft_wrap=False, crop=False)
    if not found.changes:
        console.print("no verdict changed")
    console.print(Text(f"run folder: {found.path}"))


def _accuracies(found: Regraded) -> Table:
    table = Table(box=SIMPLE_HEAD, padding=(0, 1), pad_edge=False)
    for column in ("task", "n", "accuracy % was", "now", "lenient was", "now"):
        table.add_column(column, justify="left" if column == "task" else "right", no_wrap=True)
    for name, after in found.after.tasks.items():
        before = found.before.tasks[name]
        estimates = (before.accuracy, after.accuracy, before.accuracy_lenient, after.accuracy_lenient)
        table.add_row(name, str(after.n), *(percent(estimate.value, 2) for estimate in estimates))
    return table


def _changes(changes: list[GradeChange]) -> Table:
    table = Table(box=SIMPLE_HEAD, padding=(0, 1), pad_edge=False)
    for column in ("task", "was", "now", "count", "right", "wrong", "for example"):
        table.add_column(column, justify="right" if column in ("count", "right", "wrong") else "left")
    for change in changes:
        now = f"{change.now}, another label" if change.other_label else change.now
        table.add_row(
            change.task,
            change.was,
            now,
            str(change.count),
            f"+{change.gained}" if change.gained else "",
            f"-{change.lost}" if change.lost else "",
            ", ".join(change.examples),
        )
    return table
