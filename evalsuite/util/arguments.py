"""Checks of the types of arguments: a wrong one is a `UsageError` of one line that names the argument."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from pathlib import Path
from typing import Any, Final, NamedTuple

from evalsuite.errors import ErrorCode, UsageError

_LONGEST_SHOWN: Final = 60


class ArgumentType(NamedTuple):
    """What an argument must be: a check, and its description for the error."""

    accepts: Callable[[Any], bool]
    description: str


def instance_of(kind: Any, description: str) -> ArgumentType:
    """Return the type of arguments that are instances of a class or of a union of classes."""
    return ArgumentType(lambda value: isinstance(value, kind), description)


def optional(kind: ArgumentType) -> ArgumentType:
    """Return the type that also accepts None."""
    return ArgumentType(lambda value: value is None or kind.accepts(value), f"{kind.description}, or None")


def one_of(choices: Iterable[str]) -> ArgumentType:
    """Return the type that accepts these strings and nothing else."""
    known = tuple(choices)
    return ArgumentType(lambda value: isinstance(value, str) and value in known, f"one of {', '.join(known)}")


def _is_text_list(value: Any) -> bool:
    return (
        isinstance(value, Sequence | Set)
        and not isinstance(value, str | bytes)
        and all(isinstance(each, str) for each in value)
    )


INTEGER: Final = ArgumentType(lambda value: isinstance(value, int) and not isinstance(value, bool), "an integer")
NUMBER: Final = ArgumentType(lambda value: isinstance(value, int | float) and not isinstance(value, bool), "a number")
BOOLEAN: Final = instance_of(bool, "True or False")
TEXT: Final = instance_of(str, "a string")
PATH: Final = ArgumentType(lambda value: isinstance(value, str | Path) and "\0" not in str(value), "a string or a Path")
NAME: Final = ArgumentType(
    lambda value: isinstance(value, str) and value.strip() != "" and value.isprintable(),
    "a string that is not empty and has no control characters",
)
TEXTS: Final = ArgumentType(_is_text_list, "a list of strings")
LABELS: Final = ArgumentType(
    lambda value: isinstance(value, str) or _is_text_list(value), "a list of labels, or a string of one letter each"
)
NAMES: Final = ArgumentType(lambda value: isinstance(value, str) or _is_text_list(value), "a string or a list of them")
TEXT_MAPPING: Final = ArgumentType(
    lambda value: isinstance(value, Mapping) and all(isinstance(part, str) for pair in value.items() for part in pair),
    "a mapping of strings to strings",
)


def check_arguments(types: Mapping[str, ArgumentType], arguments: Mapping[str, Any]) -> None:
    """Check arguments by name; the first one of another type than stated is a `UsageError`."""
    for name, kind in types.items():
        if not kind.accepts(arguments[name]):
            raise UsageError(
                ErrorCode.INVALID_ARGUMENT, f"`{name}` is {_shown(arguments[name])}: it must be {kind.description}"
            )


def names_of(value: str | Iterable[str]) -> tuple[str, ...]:
    """Return names as a tuple; a single string is one name, and not its characters."""
    return (value,) if isinstance(value, str) else tuple(value)


def _shown(value: Any) -> str:
    """Return a short value as it is written, and of any other its type: a `repr` may have many lines."""
    if value is None or isinstance(value, str | int | float):
        shown = repr(value)
        return shown if len(shown) <= _LONGEST_SHOWN else f"{shown[:_LONGEST_SHOWN]}..."
    return f"a {type(value).__name__}"
