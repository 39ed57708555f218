"""`evalsuite export`."""

from __future__ import annotations

from pathlib import Path

import click

from evalsuite.cli.task_options import task_arg_option, task_arguments
from evalsuite.util.text import visible


@click.group()
def export() -> None:
    """Write a run, or tasks, in the format of another tool."""


@export.command()
@click.argument("run", type=click.Path(file_okay=False, path_type=Path))
@click.option(
    "--out", type=click.Path(file_okay=False, path_type=Path), help="Folder of the logs [default: RUN/inspect]."
)
@click.option("--data-dir", type=click.Path(path_type=Path), help="Data folder [default: that of the run].")
def inspect(run: Path, out: Path | None, data_dir: Path | None) -> None:
    """Write a run as .eval logs of inspect-ai, one per task, for `inspect view --log-dir` and its other tools."""
    from evalsuite.interop.inspect_ai.export_log import export_inspect

    for file in export_inspect(run, out, data_dir):
        click.echo(file)


@export.command(name="lm-eval")
@click.argument("out", type=click.Path(file_okay=False, path_type=Path), metavar="DIR")
@click.option(
    "--tasks", default="", help="Task names, separated by commas [default: every task whose data is present]."
)
@click.option("--suite", help="A named list of tasks.")
@click.option("--format", "answer_format", help="Answer format to request instead of the tasks' own.")
@click.option(
    "--data-dir",
    type=click.Path(path_type=Path),
    help="Data folder, also for lm-eval when it runs [default: EVALSUITE_DATA where it runs].",
)
@task_arg_option
def lm_eval(
    out: Path,
    tasks: str,
    suite: str | None,
    answer_format: str | None,
    data_dir: Path | None,
    task_args: tuple[str, ...],
) -> None:
    """Write tasks as task files of lm-eval, for `lm_eval --include_path DIR --tasks evalsuite_medqa`.

    Each task is also written for log-likelihood scoring, of letters (`_ll`) and of option texts (`_cloze`).
    """
    from evalsuite.interop.lm_eval.export_tasks import export_lm_eval

    names = [name for name in tasks.replace(",", " ").split() if name]
    arguments = task_arguments(task_args)
    files, left_out = export_lm_eval(out, names, [suite] if suite else [], answer_format, data_dir, arguments)
    for file in files:
        click.echo(file)
    for reason in left_out:
        click.echo(visible(f"left out: {reason}"), err=True)
