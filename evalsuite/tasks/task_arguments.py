"""Arguments of tasks, such as the seed with which a task's items are drawn: declared by the card, given by the user."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from pydantic import Field, model_validator

from evalsuite.errors import ErrorCode, UsageError
from evalsuite.util.validation import StrictModel

if TYPE_CHECKING:
    from evalsuite.tasks.schema import Task

Value = int | str
_INTEGER: Final = re.compile(r"-?[0-9]{1,19}")
_SHOWN: Final = 40
"""Characters of a wrong value that a message repeats."""


class TaskArgument(StrictModel):
    """One argument: an integer within bounds, or one of some texts, as its default is."""

    default: Value
    about: str = ""
    minimum: int = 0
    maximum: int = Field(default=2**53 - 1)
    """By default the largest integer that every reader of JSON keeps exactly."""
    choices: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _default_is_allowed(self) -> TaskArgument:
        if self.parsed(self.default) is None:
            raise ValueError(f"the default {self.default!r} must be {self.description}")
        return self

    @property
    def description(self) -> str:
        """What a value must be, for messages."""
        if isinstance(self.default, int):
            return f"an integer from {self.minimum} to {self.maximum}"
        return f"one of {', '.join(self.choices)}"

    def parsed(self, value: object) -> Value | None:
        """Return a value as it was given in a program, or written on a command line; None: it is not allowed."""
        if not isinstance(self.default, int):
            return value if isinstance(value, str) and value in self.choices else None
        if isinstance(value, str) and _INTEGER.fullmatch(value):
            value = int(value)
        allowed = isinstance(value, int) and not isinstance(value, bool) and self.minimum <= value <= self.maximum
        return value if allowed and isinstance(value, int) else None


def parse_arguments(task: str, known: Mapping[str, TaskArgument], given: Mapping[str, object]) -> dict[str, Value]:
    """Return the arguments of a task with the defaults of those that aren't given.

    One that the task doesn't take, or a value that isn't allowed, is a `UsageError`.
    """
    values = {name: argument.default for name, argument in known.items()}
    for name, value in given.items():
        if name not in known:
            raise unknown_argument(name, {task: known})
        parsed = known[name].parsed(value)
        if parsed is None:
            shown = repr(value if isinstance(value, str | int | float | None) else type(value).__name__)
            shown = shown if len(shown) <= _SHOWN else f"{shown[:_SHOWN]}..."
            message = f"`task_args` {name}={shown}: of {task} it must be {known[name].description}"
            raise UsageError(ErrorCode.INVALID_ARGUMENT, message)
        values[name] = parsed
    return values


def with_task_args(tasks: Sequence[Task], given: Mapping[str, object]) -> list[Task]:
    """Return tasks with the arguments that each of them takes; one that none of them takes is a `UsageError`."""
    known = {task.name: task.argument_types for task in tasks}
    for name in given:
        if not any(name in types for types in known.values()):
            raise unknown_argument(name, known)
    return [
        task.with_arguments({name: value for name, value in given.items() if name in known[task.name]})
        for task in tasks
    ]


def unknown_argument(name: str, known: Mapping[str, Iterable[str]]) -> UsageError:
    """Return the error about an argument that none of some tasks takes; `known` has the arguments of each."""
    tasks = ", ".join(known)
    takers = {task: ", ".join(names) for task, names in known.items() if names}
    offer = "; ".join(f"{task} takes {names}" for task, names in takers.items()) or "leave it out"
    verb = "takes" if len(known) == 1 else "take"
    none = "no such argument" if takers else "no arguments"
    return UsageError(ErrorCode.UNKNOWN_TASK_ARGUMENT, f"`task_args` {name[:_SHOWN]!r}: {tasks} {verb} {none}; {offer}")


def shown_arguments(arguments: Mapping[str, Any]) -> str:
    """Return arguments in a few words: `seed=7`."""
    return ", ".join(f"{name}={value}" for name, value in arguments.items())
