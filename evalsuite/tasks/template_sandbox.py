"""A Jinja environment for templates that nobody vouches for: they reach no object's insides, and their work is bounded.

Jinja's own sandbox stops a template from reaching Python, and nothing else: two nested loops or one doubled string can
run for years or take all memory. Here every rendering has a budget of steps, each text a largest size, and what
multiplies texts is checked before it is done.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final, cast

import jinja2
from jinja2 import nodes
from jinja2.exceptions import SecurityError
from jinja2.filters import FILTERS
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.utils import _PassArg
from jinja2.visitor import NodeTransformer

MAX_TEMPLATE: Final = 1 << 16
"""Characters of the longest template."""
MAX_TEXT: Final = 1 << 20
"""Characters of the longest prompt, and of any value on the way to it."""
MAX_STEPS: Final = 200_000
"""Steps of one rendering: a loop's pass costs the nodes in its body, an operation one and its texts' length / 64."""
MAX_NUMBER: Final = 1_000
"""Largest number that a filter, a call or `range` is given: a width, a count or a place."""
_CALL: Final = 20
"""Steps of a call: a macro may be long, and may call itself."""
_FILTERS: Final = (
    *("abs", "attr", "batch", "capitalize", "count", "d", "default", "dictsort", "e", "escape", "first", "float"),
    *("forceescape", "format", "groupby", "indent", "int", "items", "join", "last", "length", "list", "lower", "map"),
    *("max", "min", "reject", "rejectattr", "replace", "reverse", "round", "safe", "select", "selectattr", "slice"),
    *("sort", "string", "title", "tojson", "trim", "truncate", "unique", "upper", "wordcount"),
)
"""Filters of Jinja that templates may use: those whose work is in proportion to their arguments."""
_PADDING: Final = frozenset({"center", "expandtabs", "format_map", "ljust", "rjust", "translate", "zfill"})
"""Methods of strings that make a short text as long as their argument says."""
_WIDTH: Final = re.compile(r"\d{4}|\*")
"""In a format string: a width of four digits or more, or one out of the arguments."""
_STEPS: Final = "_steps"


class _Steps:
    """What one rendering may still do."""

    __slots__ = ("_left",)

    def __init__(self) -> None:
        self._left = MAX_STEPS


def _spend(context: Context, steps: int) -> None:
    budget: _Steps = context.parent[_STEPS]
    budget._left -= steps
    if budget._left < 0:
        raise SecurityError(f"it takes more than {MAX_STEPS:,} steps")


def _size(*values: object) -> int:
    """Return the characters of values and of all that is in them; more than `MAX_TEXT` is a `SecurityError`."""
    total, pending = 0, list(values)
    while pending:
        value = pending.pop()
        total += len(value) if isinstance(value, str | bytes | range) else 1
        if isinstance(value, list | tuple | set | frozenset):
            pending += value[: MAX_TEXT + 1] if isinstance(value, list | tuple) else value
        elif isinstance(value, dict):
            pending += (*value, *value.values())
        elif isinstance(value, int) and not -(1 << 63) < value < 1 << 63:
            raise SecurityError("a number of more than 63 bits")
        if total + len(pending) > MAX_TEXT:
            raise SecurityError(f"a text or list of more than {MAX_TEXT:,} characters")
    return total


def _check_numbers(values: Iterable[object]) -> None:
    if any(isinstance(value, int) and abs(value) > MAX_NUMBER for value in values):
        raise SecurityError(f"a number above {MAX_NUMBER:,} as an argument")


def _check_product(name: str, receiver: object, arguments: tuple[Any, ...]) -> None:
    """Refuse what would make a longer text than `MAX_TEXT` of short ones."""
    if name == "replace" and isinstance(receiver, str) and len(arguments) > 1:
        old, new = str(arguments[0]), str(arguments[1])
        length = len(receiver) + receiver.count(old) * len(new)
    elif name == "join" and isinstance(receiver, str) and arguments:
        length = len(receiver) * _size(*arguments)
    elif name == "join":
        length = _size(receiver) * (1 + len(str(arguments[0]) if arguments else ""))
    else:
        length = 0
        if name == "format" and _WIDTH.search(str(receiver)):
            raise SecurityError("a width in a format string")
    if length > MAX_TEXT:
        raise SecurityError(f"a text of more than {MAX_TEXT:,} characters")


@jinja2.pass_context
def _loop(context: Context, values: Iterable[Any], cost: int) -> Iterator[Any]:
    """Yield the values of a loop, each for the cost of the loop's body."""
    for value in values:
        _spend(context, cost)
        yield value


@jinja2.pass_context
def _concatenate(context: Context, parts: list[Any]) -> str:
    _spend(context, 1 + _size(parts) // 64)
    return "".join(map(str, parts))


def _output(value: Any) -> Any:
    if type(value) is not str or len(value) > MAX_TEXT:  # nearly every value is a short text
        _size(value)
    return value


def _bounded_concat(parts: Iterable[str]) -> str:
    kept, length = [], 0
    for part in parts:
        length += len(part)
        if length > MAX_TEXT:
            raise SecurityError(f"a text of more than {MAX_TEXT:,} characters")
        kept.append(part)
    return "".join(kept)


def _bounded_filter(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a filter of Jinja whose arguments and result are bounded."""
    passed = _PassArg.from_obj(function)

    @jinja2.pass_context
    def bounded(context: Context, value: Any, *arguments: Any, **named: Any) -> Any:
        _check_numbers((*arguments, *named.values()))
        _spend(context, 1 + _size(value, *arguments, *named.values()) // 64)
        _check_product(name, value, (*arguments, *named.values()))
        first = {
            None: (),
            _PassArg.context: (context,),
            _PassArg.eval_context: (context.eval_ctx,),
            _PassArg.environment: (context.environment,),
        }[passed]
        result = function(*first, value, *arguments, **named)
        if isinstance(result, Iterator):
            result = list(result)
        _spend(context, _size(result) // 64)
        return result

    return bounded


class _BoundedLoops(NodeTransformer):
    """Makes every loop and every `~` pay for what it does."""

    def visit_For(self, node: nodes.For) -> nodes.For:
        if node.recursive:
            raise jinja2.TemplateSyntaxError("recursive loops are not supported", node.lineno)
        cost = sum(1 for _ in node.find_all(nodes.Node))
        self.generic_visit(node)
        node.iter = _filter_node(cast(nodes.Expr, node.iter), _loop.__name__, nodes.Const(cost))
        return node

    def visit_Concat(self, node: nodes.Concat) -> nodes.Filter:
        self.generic_visit(node)
        return _filter_node(nodes.List(node.nodes, lineno=node.lineno), _concatenate.__name__)


def _filter_node(value: nodes.Expr, name: str, *arguments: nodes.Expr) -> nodes.Filter:
    return nodes.Filter(value, name, list(arguments), [], None, None, lineno=value.lineno)


class _Environment(ImmutableSandboxedEnvironment):
    intercepted_binops = frozenset({"+", "-", "*", "**", "%", "/", "//"})
    concat = staticmethod(_bounded_concat)

    def __init__(self) -> None:
        # Without the optimizer, which would compute constant expressions before any budget exists.
        super().__init__(
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            keep_trailing_newline=False,
            optimized=False,
            finalize=_output,
        )
        self.filters = {name: _bounded_filter(name, FILTERS[name]) for name in _FILTERS}
        self.filters |= {each.__name__: each for each in (_loop, _concatenate)}
        self.globals.pop("lipsum")

    def _parse(self, source: str, name: str | None, filename: str | None) -> nodes.Template:
        tree: nodes.Template = _BoundedLoops().visit(super()._parse(source, name, filename))
        return tree

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
        return attr not in _PADDING and super().is_safe_attribute(obj, attr, value)

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        size = _size(left, right)
        _spend(context, 1 + size // 64)
        texts = isinstance(left, str | list | tuple) or isinstance(right, str | list | tuple)
        if operator == "*" and texts:
            _size(_times(left, right))
        if operator == "**" and not (isinstance(right, int | float) and abs(right) <= 64):
            raise SecurityError("an exponent above 64")
        if operator == "%" and isinstance(left, str):
            _check_product("format", left, ())
        result = super().call_binop(context, operator, left, right)
        _size(result)
        return result

    def call(__self, __context: Context, __obj: Any, *args: Any, **kwargs: Any) -> Any:
        arguments = (*args, *kwargs.values())
        receiver, name = getattr(__obj, "__self__", None), getattr(__obj, "__name__", "")
        if receiver is None and (wrapped := getattr(__obj, "__wrapped__", None)) is not None:
            receiver = getattr(wrapped, "__self__", None)  # how Jinja hands out the method `format`
        _check_numbers(arguments)
        _spend(__context, _CALL + _size(*arguments, receiver if isinstance(receiver, str) else None) // 64)
        _check_product(name, receiver, arguments)
        result = super().call(__context, __obj, *args, **kwargs)
        _size(result)
        return result


def _times(left: Any, right: Any) -> Any:
    """Return a stand-in of the size that a repeated text or list would have."""
    text, count = (left, right) if isinstance(left, str | list | tuple) else (right, left)
    if not isinstance(count, int):
        return ""
    return range(max(0, min(count, MAX_TEXT + 1)) * _size(text))


class BoundedTemplate:
    """A compiled template whose rendering is bounded in time and memory.

    A template that doesn't compile, fails, or exceeds a bound raises a `TemplateError` of Jinja, or one of the other
    errors in `FAILURES`.
    """

    FAILURES: Final = (
        jinja2.TemplateError,
        ArithmeticError,
        AttributeError,
        LookupError,
        MemoryError,
        RecursionError,
        SyntaxError,
        TypeError,
        ValueError,
    )

    def __init__(self, source: str) -> None:
        if len(source) > MAX_TEMPLATE:
            raise jinja2.TemplateError(f"it is longer than {MAX_TEMPLATE:,} characters")
        self._template = _ENVIRONMENT.from_string(source)

    def render(self, **variables: object) -> str:
        """Return the text for these variables."""
        return self._template.render(**variables, **{_STEPS: _Steps()})


_ENVIRONMENT: Final = _Environment()
