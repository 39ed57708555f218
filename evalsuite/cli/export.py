"""`evalsuite export`."""

from __future__ import annotations

from pathlib import Path

import click


@click.group()
def export() -> None:
    """Write a run in the format of another tool."""


@export.command()
@click.argument("run", type=click.Path(file_okay=False, path_type=Path))
@click.option(
    "--out", type=click.Path(file_okay=False, path_type=Path), help="Folder of the logs [default: RUN/inspect]."
)
@click.option("--data-dir", type=click.Path(path_type=Path), help="A mirror of the data [default: the run's own].")
def inspect(run: Path, out: Path | None, data_dir: Path | None) -> None:
    """Write a run as .eval logs of inspect-ai, one a task, for `inspect view --log-dir` and its other tools."""
    from evalsuite.bridges.inspect_log import export_inspect

    for file in export_inspect(run, out, data_dir):
        click.echo(file)
