"""The option `--training-overlap RUN=FILE` of the commands that read finished runs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from evalsuite.errors import ErrorCode, UsageError

Command = TypeVar("Command", bound=Callable[..., Any])


def _pairs(_context: click.Context, _option: click.Parameter, values: tuple[str, ...]) -> tuple[tuple[Path, Path], ...]:
    found = []
    for value in values:
        run, equals, file = value.rpartition("=")
        if not (run and equals and file):
            message = f"`training_overlap` {value!r}: write RUN=FILE, the run's folder and an overlap.json"
            raise UsageError(ErrorCode.INVALID_ARGUMENT, message)
        found.append((Path(run), Path(file)))
    return tuple(found)


def training_overlap_option(command: Command) -> Command:
    """Give a command the option."""
    option = click.option(
        "--training-overlap",
        multiple=True,
        metavar="RUN=FILE",
        callback=_pairs,
        help="The overlap.json of evalsuite data overlap for the training data of a run's model; can be repeated.",
    )
    return option(command)
