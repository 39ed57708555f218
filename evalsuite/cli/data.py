"""`evalsuite data`."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from evalsuite.errors import DataError
from evalsuite.tasks.registry import load_task, resolve, task_names
from evalsuite.tasks.schema import Task

F = TypeVar("F", bound=Callable[..., Any])


def _chosen(command: F) -> F:
    """Give a command the options that say which tasks and where their files are."""
    for option in (
        click.option("--data-dir", envvar="EVALSUITE_DATA", type=click.Path(file_okay=False, path_type=Path),
                     help="A mirror of the raw files [default: EVALSUITE_DATA, else where pull puts them]."),
        click.option("--suite", help="A suite of tasks."),
        click.option("--tasks", help="Task names, with commas."),
    ):  # fmt: skip
        command = option(command)
    return command


def _tasks(names: str | None, suite: str | None, fit: Callable[[Task], bool]) -> list[Task]:
    """The tasks that were named; without a name, all that fit."""
    if names is not None or suite is not None:
        return resolve(names, suite)
    return [task for task in map(load_task, task_names()) if fit(task)]


@click.group()
def data() -> None:
    """Fetch, verify and audit benchmark data."""


@data.command()
@_chosen
@click.option("--revision", help="A commit, branch or tag instead of the cards'.")
def pull(tasks: str | None, suite: str | None, data_dir: Path | None, revision: str | None) -> None:
    """Fetch the benchmarks' files from the hub at a pinned revision and check the items that they hold."""
    from evalsuite.data.pull import pull as pull_tasks

    for task in _tasks(tasks, suite, lambda task: task.hub is not None):
        for pulled in pull_tasks([task], data_dir, revision):
            state = f"{pulled.items:,} items as locked" if pulled.items else "not read"
            click.echo(f"{pulled.task:18} {pulled.repo} at {pulled.revision[:12]}: {', '.join(pulled.files)}: {state}")
            for note in pulled.notes:
                click.echo(f"  note: {note}")


@data.command()
@_chosen
def verify(tasks: str | None, suite: str | None, data_dir: Path | None) -> None:
    """Recompute every digest against the lock; a changed byte names the file and the item."""
    from evalsuite.data.verify import verify as verify_tasks

    chosen = _tasks(tasks, suite, lambda task: True)
    found = verify_tasks(chosen, data_dir)
    for finding in found.findings:
        click.echo(f"{finding.severity}: {finding.task}: {finding.file}: {finding.what}")
    faults = sum(finding.severity == "error" for finding in found.findings)
    if not found.sound:
        raise DataError(f"{faults} errors in {len(found.files)} files of {len(chosen)} tasks; fetch them again")
    click.echo(f"{len(found.files)} files of {len(chosen)} tasks, {found.items:,} items: every digest as locked")


@data.command()
@_chosen
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), help="Write audit.json and audit.md here.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of the table.")
def audit(tasks: str | None, suite: str | None, data_dir: Path | None, out: Path | None, as_json: bool) -> None:
    """Look for bad items: repeated, given away, broken, keyed twice, or leaking from a train file."""
    from evalsuite.data.audit.audit import audit as audit_tasks
    from evalsuite.data.audit.table import markdown

    found = audit_tasks(_tasks(tasks, suite, lambda task: True), data_dir)
    click.echo(json.dumps(found.facts, ensure_ascii=False, indent=1) if as_json else markdown(found.facts))
    for path in found.write(out) if out else ():
        click.echo(f"written: {path}", err=True)


@data.command()
@_chosen
def lock(tasks: str | None, suite: str | None, data_dir: Path | None) -> None:
    """Write items.lock from the files that are there, and print the digests for the cards (for maintainers)."""
    from evalsuite.data.verify import lock as lock_task

    for task in resolve(tasks, suite):
        for section, digest in lock_task(task, data_dir).items():
            click.echo(f"{task.name} {section} {digest}")
