"""The command `evalsuite runs`: check a run folder, or finish it without its model."""

from __future__ import annotations

import json
from pathlib import Path

import click

from evalsuite.errors import ErrorCode
from evalsuite.util.text import visible

_RUN = click.argument("run", type=click.Path(file_okay=False, path_type=Path))
_DATA = click.option(
    "--data-dir", type=click.Path(path_type=Path), help="A mirror of the data [default: the run's own]."
)


@click.group()
def runs() -> None:
    """Check a run folder, or finish it without its model."""


@runs.command()
@_RUN
@_DATA
def verify(run: Path, data_dir: Path | None) -> int:
    """Check RUN whole and change nothing: exit 0 if nothing is wrong with it, 1 if something is.

    Checked are the checksums of its files and lines, that every response answers a request of this run (with the data),
    and that the summary follows from the grades.
    """
    from evalsuite.analysis.verify_run import verify_run

    found = verify_run(run, data_dir)
    for problem in found.problems:
        click.echo(visible(f"error: {problem}"))
    for reason in found.unchecked:
        click.echo(visible(f"not checked: {reason}"))
    if not found.problems:
        click.echo(visible(f"{run}: nothing is wrong with it"))
    return 1 if found.problems else 0


@runs.command()
@_RUN
@_DATA
@click.option("--json", "as_json", is_flag=True, help="Print summary.json instead of the table.")
def finish(run: Path, data_dir: Path | None, as_json: bool) -> int:
    """Write the grades and the summary of RUN from the responses that it has; no request is sent.

    For a run that was killed at its end, or whose server is gone: requests without a response count as wrong, and the
    exit code is 1, as after `evalsuite run`.
    """
    from evalsuite.cli.run import INCOMPLETE
    from evalsuite.cli.run_table import print_run
    from evalsuite.run.finish import finish as finish_run

    finished = finish_run(run, data_dir)
    if as_json:
        click.echo(json.dumps(finished.graded.summary.to_json(), indent=2))
    else:
        print_run(finished.graded, run, alarm=1.0)
    if finished.missing:
        message = f"{run}: {finished.missing} requests have no response and count as wrong"
        click.echo(visible(f"evalsuite: {message} [{ErrorCode.RUN_INCOMPLETE}]"), err=True)
        return INCOMPLETE
    return 0
