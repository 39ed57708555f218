"""The option `--task-arg`, which the commands that load tasks share."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import click

from evalsuite.errors import ErrorCode, UsageError

_SHOWN: Final = 40

task_arg_option = click.option(
    "--task-arg",
    "task_args",
    multiple=True,
    metavar="KEY=VALUE",
    help="Argument of the tasks that take it, such as seed=7; may be repeated.",
)


def task_arguments(written: Iterable[str]) -> dict[str, str]:
    """Return the arguments that were written as `KEY=VALUE`; one that isn't, or is given twice, is a `UsageError`."""
    given: dict[str, str] = {}
    for each in written:
        key, equals, value = each.partition("=")
        if not equals or not key:
            raise UsageError(ErrorCode.INVALID_ARGUMENT, f"`task_args` {each[:_SHOWN]!r}: write it as KEY=VALUE")
        if given.setdefault(key, value) != value:
            raise UsageError(ErrorCode.CONFLICTING_ARGUMENTS, f"`task_args` {key[:_SHOWN]!r}: two values; give one")
    return given
