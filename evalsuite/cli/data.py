"""The command `evalsuite data`: pull, verify, audit and lock benchmark data."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, TypeVar

import click

from evalsuite.cli.data_overlap import overlap
from evalsuite.cli.exit_status import with_options
from evalsuite.cli.task_options import task_arg_option, task_arguments
from evalsuite.errors import DataError, ErrorCode
from evalsuite.tasks.registry import all_tasks, resolve
from evalsuite.tasks.schema import Task
from evalsuite.tasks.task_arguments import with_task_args
from evalsuite.util.text import visible

F = TypeVar("F", bound=Callable[..., Any])


def _task_options(command: F) -> F:
    """Add the options for tasks and for the data folder to a command."""
    for option in (
        click.option("--data-dir", envvar="EVALSUITE_DATA", type=click.Path(file_okay=False, path_type=Path),
                     help="A mirror of the raw files [default: EVALSUITE_DATA, else where pull puts them]."),
        click.option("--suite", help="A suite of tasks."),
        click.option("--tasks", help="Task names, with commas."),
    ):  # fmt: skip
        command = option(command)
    return command


def _tasks(names: str | None, suite: str | None, default: Callable[[Task], bool]) -> list[Task]:
    """Return the tasks that were named; without a name, all for which `default` is true."""
    if names is not None or suite is not None:
        return resolve(names, suite)
    return [task for task in all_tasks() if default(task)]


def _has_files(task: Task) -> bool:
    """Whether a task's items come from files: to draw them takes a minute, and is done where the task is named."""
    return task.generated is None


@click.group()
def data() -> None:
    """Fetch, verify and audit benchmark data."""


@data.command()
@_task_options
@click.option("--revision", help="A commit, branch or tag instead of the cards'.")
@click.option(
    "--split",
    type=click.Choice(["test", "train"]),
    default="test",
    show_default=True,
    help="The items that evaluation uses, or the train items.",
)
def pull(
    tasks: str | None,
    suite: str | None,
    data_dir: Path | None,
    revision: str | None,
    split: Literal["test", "train"],
) -> None:
    """Download the benchmarks' files from the hub at a pinned revision and check their items.

    A data set that can't be had, as it is gated or gone, is named, and the others are still downloaded.
    """
    chosen = _tasks(tasks, suite, lambda task: task.hub is not None and (split == "test" or task.hub.train is not None))
    if split == "train" and tasks is None:
        chosen = [task for task in chosen if task.hub is not None and task.hub.train is not None]
    failures: list[DataError] = []
    for task in chosen:
        try:
            _pull(task, data_dir, revision, split)
        except DataError as error:
            if len(chosen) == 1:
                raise
            failures.append(error)
            click.echo(f"not pulled: {visible(with_options(str(error)))}")
    if failures:
        message = f"{len(failures)} of {len(chosen)} tasks could not be pulled; the lines above say why"
        raise DataError(failures[0].code, message)


def _pull(task: Task, data_dir: Path | None, revision: str | None, split: Literal["test", "train"]) -> None:
    from evalsuite.data.pull import pull as pull_tasks

    for pulled in pull_tasks([task], data_dir, revision, split):
        state = f"{pulled.items:,} {split} items" if pulled.items else "not parsed"
        click.echo(f"{pulled.task:18} {pulled.repo} at {pulled.revision[:12]}: {', '.join(pulled.files)}: {state}")
        for note in pulled.notes:
            click.echo(visible(f"  note: {note}"))


@data.command()
@_task_options
def verify(tasks: str | None, suite: str | None, data_dir: Path | None) -> None:
    """Compare every digest with the lock; a changed byte is reported with its file and item."""
    from evalsuite.data.verify import verify as verify_tasks

    chosen = _tasks(tasks, suite, _has_files)
    result = verify_tasks(chosen, data_dir)
    for finding in result.findings:
        click.echo(visible(f"{finding.severity}: {finding.task}: {finding.file}: {finding.message}"))
    errors = sum(finding.severity == "error" for finding in result.findings)
    if errors and errors == len(result.missing):  # nothing differs from the lock: there is nothing to compare with it
        message = (
            f"{errors} of {len(chosen)} tasks have no data: evalsuite data pull fetches it, --data-dir names a mirror"
        )
        raise DataError(ErrorCode.DATA_NOT_FOUND, message)
    if errors:
        message = f"{errors} errors in {len(result.files)} files of {len(chosen)} tasks; fetch them again"
        raise DataError(ErrorCode.DATA_CHANGED, message)
    click.echo(f"{len(result.files)} files of {len(chosen)} tasks, {result.items:,} items: every digest as locked")


@data.command()
@_task_options
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), help="Write audit.json and audit.md here.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of the table.")
@task_arg_option
def audit(
    tasks: str | None,
    suite: str | None,
    data_dir: Path | None,
    out: Path | None,
    as_json: bool,
    task_args: tuple[str, ...],
) -> None:
    """Look for bad items: broken, repeated, with a duplicate gold, or leaked into a train file; and for label skew."""
    from evalsuite.data.audit.item_audit import audit as audit_tasks
    from evalsuite.data.audit.markdown import markdown

    chosen = with_task_args(_tasks(tasks, suite, _has_files), task_arguments(task_args))
    result = audit_tasks(chosen, data_dir)
    click.echo(json.dumps(result.content, ensure_ascii=False, indent=1) if as_json else markdown(result.content))
    for path in result.write(out) if out else ():
        click.echo(f"written: {path}", err=True)


@data.command()
@_task_options
def lock(tasks: str | None, suite: str | None, data_dir: Path | None) -> None:
    """Write items.lock from the files in the data folder, and print the digests for the cards (for maintainers)."""
    from evalsuite.data.verify import lock as lock_task

    for task in resolve(tasks, suite):
        for section, digest in lock_task(task, data_dir).items():
            click.echo(f"{task.name} {section} {digest}")


data.add_command(overlap)
