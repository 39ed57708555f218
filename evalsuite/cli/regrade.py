"""`evalsuite regrade`."""

from __future__ import annotations

import json
from pathlib import Path

import click
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from evalsuite.analysis.regrade import PARSE_MODES, GradeChange, Regraded
from evalsuite.analysis.regrade import regrade as regrade_run
from evalsuite.run_json import model_with_adapter, read_run_json
from evalsuite.util.format import percent
from evalsuite.util.text import visible

_WIDTH = 110


@click.command()
@click.argument("run", type=click.Path(file_okay=False, path_type=Path))
@click.option("--data-dir", type=click.Path(path_type=Path), help="A mirror of the data [default: the run's own].")
@click.option("--json", "as_json", is_flag=True, help="Print the differences as JSON.")
def regrade(run: Path, data_dir: Path | None, as_json: bool) -> None:
    """Grade a run's responses again with the present parser; no request is sent.

    Prints which grades changed, by parse status and form, and each task's accuracy before and after. The previous
    grades and summary are stored beside the new ones under the previous parser's name.
    """
    regraded = regrade_run(run, data_dir)
    if as_json:
        click.echo(json.dumps(regraded.to_json(), indent=2))
    else:
        _print(regraded)


def _print(regraded: Regraded) -> None:
    console = Console(highlight=False, soft_wrap=True, markup=False, emoji=False)
    console.width = max(console.width, _WIDTH)
    model = model_with_adapter(read_run_json(regraded.path / "run.json")["identity"])
    console.print(Text(visible(f"{model}: parser {regraded.was} -> {regraded.now}"), style="bold"))
    console.print(_accuracies(regraded), soft_wrap=False, crop=False)
    for parse_mode in PARSE_MODES:
        changes = [change for change in regraded.changes if change.parse_mode == parse_mode]
        if changes:
            console.print(Text(f"{parse_mode} grades that changed", style="bold"))
            console.print(_changes(changes), soft_wrap=False, crop=False)
    if not regraded.changes:
        console.print("no grade changed")
    console.print(Text(visible(f"run folder: {regraded.path}")))


def _accuracies(regraded: Regraded) -> Table:
    table = Table(box=SIMPLE_HEAD, padding=(0, 1), pad_edge=False)
    for column in ("task", "n", "accuracy % was", "now", "lenient was", "now"):
        table.add_column(column, justify="left" if column == "task" else "right", no_wrap=True)
    for name, after in regraded.after.tasks.items():
        before = regraded.before.tasks[name]
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
            visible(change.was),
            visible(now),
            str(change.count),
            f"+{change.gained}" if change.gained else "",
            f"-{change.lost}" if change.lost else "",
            visible(", ".join(change.examples)),
        )
    return table
