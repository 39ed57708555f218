"""A digest of what a Python function does, so that responses of a changed function are never mixed."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import inspect
import re
import sys
from collections.abc import Iterable
from enum import Enum
from pathlib import PurePath
from types import BuiltinFunctionType, CellType, CodeType, FunctionType, MethodType, ModuleType
from typing import Any, Final, NamedTuple

_MOST_VALUES: Final = 100_000
"""Values that one digest covers: a function that holds more of them has no complete digest."""
_DEEPEST: Final = 60
"""Levels of nesting that one digest covers, far below Python's limit of recursion."""
_SCALARS: Final = (str, bytes, int, float, complex, bool, type(None), type(...), range)
_DEFAULT_COPYING: Final = ("__reduce__", "__reduce_ex__", "__getstate__")
"""Methods of `object` that a class overrides whose state is not, or not only, in its attributes."""
_INCIDENTAL: Final = frozenset(
    (
        "__dict__",
        "__weakref__",
        "__doc__",
        "__annotations__",
        "__annotate_func__",
        "__annotations_cache__",
        "__firstlineno__",
        "__static_attributes__",
        "__dataclass_fields__",
        "__dataclass_params__",
        "__orig_bases__",
        "__parameters__",
        "_abc_impl",
    )
)
"""Attributes of a class that don't change what its instances do."""

Content = tuple[Any, ...]
"""Nested tuples of strings, whose `repr` is the same in every process."""


class CodeDigest(NamedTuple):
    """The digest of a function, and whether it covers everything that the function holds."""

    value: str
    complete: bool
    """False if the function holds an object whose state can't be digested, such as a client or a tensor."""


def code_digest(function: Any) -> CodeDigest:
    """Return a digest of a function's code and of the values that it holds.

    These are its defaults, the variables that it closes over, the function that it wraps, the arguments of a `partial`,
    and the attributes and the class of the object that it is a method of; each with everything inside it. What a
    function looks up by a global name is not part of the digest, and neither are comments, white space and its file.
    """
    reader = _ContentReader()
    content = repr(reader.content(function))
    return CodeDigest(hashlib.sha256(content.encode("utf-8", "surrogatepass")).hexdigest(), reader.complete)


def unwrapped(function: Any) -> Any:
    """Return the function behind `functools.partial` and decorators that name what they wrap."""
    while isinstance(function, functools.partial):
        function = function.func
    return inspect.unwrap(function)


class _ContentReader:
    """Turns values into nested tuples of strings, and remembers whether all of them could be read."""

    def __init__(self) -> None:
        self.complete = True
        self._values = 0
        self._open: list[int] = []
        """Ids of the values that are being read, from the outermost to the innermost."""

    def content(self, value: Any) -> Content:
        """Return the content of a value; of one that contains itself, how far out it is."""
        if type(value) in _SCALARS:
            return type(value).__name__, repr(value)
        if id(value) in self._open:
            return "itself", str(len(self._open) - self._open.index(id(value)))
        self._values += 1
        if self._values > _MOST_VALUES or len(self._open) >= _DEEPEST:
            return self._unknown(value)
        self._open.append(id(value))
        try:
            return self._of_container(value) or self._of_callable(value) or self._of_object(value)
        finally:
            self._open.pop()

    def _of_container(self, value: Any) -> Content | None:
        kind = type(value)
        if kind in (list, tuple):
            return kind.__name__, *map(self.content, value)
        if kind in (set, frozenset):  # their order differs between processes
            return kind.__name__, *sorted(map(self.content, value), key=repr)
        if kind is dict:
            return "dict", *self._pairs(value.items())
        if kind is re.Pattern:
            return "pattern", repr(value.pattern), str(value.flags)
        if isinstance(value, PurePath):
            return "path", str(value)
        if isinstance(value, Enum):
            return "enum", _name(kind), value.name
        if isinstance(value, tuple) and not hasattr(value, "__dict__"):  # a named tuple
            return _name(kind), *map(self.content, value)
        return None

    def _of_callable(self, value: Any) -> Content | None:
        if isinstance(value, CodeType):
            return self._of_code(value)
        if isinstance(value, FunctionType):
            return (
                "function",
                self._of_code(value.__code__),
                *(self.content(each) for each in (value.__defaults__, value.__kwdefaults__, value.__dict__)),
                *map(self._of_cell, value.__closure__ or ()),
            )
        if isinstance(value, functools.partial):
            return "partial", *(self.content(each) for each in (value.func, value.args, value.keywords))
        if isinstance(value, MethodType):
            return "method", self.content(value.__func__), self.content(value.__self__)
        if isinstance(value, staticmethod | classmethod):
            return type(value).__name__, self.content(value.__func__)
        if isinstance(value, property):
            return "property", *(self.content(each) for each in (value.fget, value.fset))
        if isinstance(value, ModuleType):
            return "module", value.__name__
        if isinstance(value, BuiltinFunctionType) and isinstance(value.__self__, ModuleType):
            return self._named(value, value.__self__.__name__)
        return self._of_class(value) if isinstance(value, type) else None

    def _of_code(self, code: CodeType) -> Content:
        constants = tuple(map(self.content, code.co_consts))
        return "code", code.co_code.hex(), *code.co_names, "", *code.co_varnames, "", *code.co_freevars, constants

    def _of_cell(self, cell: CellType) -> Content:
        try:
            return self.content(cell.cell_contents)
        except ValueError:  # a variable that isn't assigned yet
            return ("unassigned",)

    def _of_class(self, kind: type) -> Content:
        """Return a class's methods and attributes, and its bases; of one of Python's, its name."""
        if _is_of_python(kind.__module__):
            return "class", _name(kind)
        members = [
            (name, value)
            for name, value in vars(kind).items()
            if name not in _INCIDENTAL and not inspect.ismemberdescriptor(value)
        ]
        return "class", _name(kind), self.content(kind.__bases__), *self._pairs(members)

    def _of_object(self, value: Any) -> Content:
        """Return an object's class and attributes, if these are all of its state."""
        kind = type(value)
        overridden = [name for name in _DEFAULT_COPYING if getattr(kind, name) is not getattr(object, name)]
        if overridden == ["__getstate__"] and dataclasses.is_dataclass(kind):  # that of a frozen one with slots
            fields = {field.name: getattr(value, field.name, None) for field in dataclasses.fields(kind)}
            return "object", self._of_class(kind), self.content(fields)
        if overridden:
            return self._unknown(value)
        try:
            # The default way to copy an object refuses those that hold more than their attributes.
            state = object.__reduce_ex__(value, 2)[2]
        except Exception:  # of a property or a `__getnewargs__` of the object
            return self._unknown(value)
        return "object", self._of_class(kind), self.content(state)

    def _pairs(self, items: Iterable[tuple[Any, Any]]) -> Iterable[Content]:
        return [(self.content(key), self.content(value)) for key, value in items]

    def _named(self, value: Any, module: str) -> Content:
        self.complete &= _is_of_python(module)
        return "built-in", module, value.__name__

    def _unknown(self, value: Any) -> Content:
        self.complete = False
        return "unknown", _name(type(value))


def _name(kind: type) -> str:
    return f"{kind.__module__}.{kind.__qualname__}"


def _is_of_python(module: str | None) -> bool:
    """Whether a module is part of Python, whose version run.json records; the program itself isn't."""
    root = (module or "").partition(".")[0]
    return root != "__main__" and root in {"builtins", *sys.stdlib_module_names}
