"""A digest of what a Python function does, so that responses of a changed function are never mixed."""

from __future__ import annotations

import functools
import hashlib
import inspect
from types import CodeType
from typing import Any


def code_digest(function: Any) -> str | None:
    """Return a digest of a function's code, defaults and simple captured values; None where it has no Python code.

    What the function calls is not part of it, and neither are comments, white space or the place in its file.
    """
    inner = unwrapped(function)
    target = inner if hasattr(inner, "__code__") else getattr(type(inner), "__call__", None)  # noqa: B004 - the method itself
    code = getattr(target, "__code__", None)
    if code is None:
        return None
    captured = [_content(cell) for cell in getattr(target, "__closure__", None) or ()]
    bound = list(getattr(target, "__defaults__", None) or ())
    while isinstance(function, functools.partial):
        bound += [*function.args, *sorted(function.keywords.items())]
        function = function.func
    content = repr((_code(code), [_simple(value) for value in (*captured, *bound)]))
    return hashlib.sha256(content.encode("utf-8", "surrogatepass")).hexdigest()


def unwrapped(function: Any) -> Any:
    """Return the function behind `functools.partial` and decorators that name what they wrap."""
    while isinstance(function, functools.partial):
        function = function.func
    return inspect.unwrap(function)


def _code(code: CodeType) -> tuple[Any, ...]:
    constants = [_code(value) if isinstance(value, CodeType) else _simple(value) for value in code.co_consts]
    return code.co_code.hex(), code.co_names, code.co_varnames, constants


def _simple(value: Any) -> Any:
    """Return a value whose `repr` is the same in every process, else its type's name: a `repr` may hold an address."""
    if isinstance(value, frozenset):
        return sorted(map(repr, value))
    if isinstance(value, tuple):
        return [_simple(part) for part in value]
    return value if isinstance(value, str | bytes | int | float | None) else type(value).__name__


def _content(cell: Any) -> Any:
    try:
        return cell.cell_contents
    except ValueError:  # a variable that isn't assigned yet
        return None
