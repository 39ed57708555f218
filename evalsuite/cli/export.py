"""`evalsuite export`."""

from __future__ import annotations

from pathlib import Path

import click


@click.group()
def export() -> None:
    """Write a run, or our tasks, in the format of another tool."""


@export.command()
@click.argument("run", type=click.Path(file_okay=False, path_type=Path))
@click.option(
    "--out", type=click.Path(file_okay=False, path_type=Path), help="Folder of the logs [default: RUN/inspect]."
)
@click.option("--data-dir", type=click.Path(path_type=Path), help="A mirror of the data [default: the run's own].")
def inspect(run: Path, out: Path | None, data_dir: Path | None) -> None:
    """Write a run as .eval logs of inspect-ai, one a task, for `inspect view --log-dir` and its other tools."""
    from evalsuite.interop.inspect_ai.export_log import export_inspect

    for file in export_inspect(run, out, data_dir):
        click.echo(file)


@export.command(name="lm-eval")
@click.argument("out", type=click.Path(file_okay=False, path_type=Path), metavar="DIR")
@click.option("--tasks", default="", help="Task names, with commas [default: every task whose data is there].")
@click.option("--suite", help="A named list of tasks.")
@click.option("--format", "answer_format", help="Answer format to ask for instead of the tasks' own.")
@click.option(
    "--data-dir",
    type=click.Path(path_type=Path),
    help="A mirror of the data, to be read there by lm-eval too [default: EVALSUITE_DATA, wherever it runs].",
)
def lm_eval(out: Path, tasks: str, suite: str | None, answer_format: str | None, data_dir: Path | None) -> None:
    """Write our tasks as task files of lm-eval, for `lm_eval --include_path DIR --tasks evalsuite_medqa`.

    Beside each stand two by log-likelihood, `_ll` (letters) and `_cloze` (option texts).
    """
    from evalsuite.interop.lm_eval.export_tasks import export_lm_eval

    names = [name for name in tasks.replace(",", " ").split() if name]
    files, lacking = export_lm_eval(out, names, [suite] if suite else [], answer_format, data_dir)
    for file in files:
        click.echo(file)
    for why in lacking:
        click.echo(f"left out: {why}", err=True)
