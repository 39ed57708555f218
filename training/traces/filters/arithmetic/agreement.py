"""Whether the two sides of an equation agree, as they are shown."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Final, NamedTuple

from training.traces.filters.arithmetic.expression import Interval, NoExpressionError, evaluate
from training.traces.filters.arithmetic.statement import Judgement
from training.traces.filters.arithmetic.tokens import Token, TokenKind
from training.traces.filters.arithmetic.units import NO_UNIT, Unit

_LEFT_OUT: Final = (7.0, 24.0, 60.0, 100.0, 1000.0, 1440.0, 3600.0, 1e6, 1e9)
"""By which sides may differ if only some of their numbers have units."""
_SLACK: Final = 1e-9
"""Relative error of the computation itself."""
_Reading = Callable[[Token], Unit]


class Side(NamedTuple):
    """One side of an equal sign."""

    tokens: tuple[Token, ...]
    clean: bool
    """Whether it is bounded by what is no part of a calculation."""

    def numbers(self) -> list[Token]:
        """Return its numbers in order."""
        return [token for token in self.tokens if token.kind is TokenKind.NUMBER]


class ShownResults:
    """Numbers that the trace shows as results, so that later they may be anything that rounds to what is shown."""

    def __init__(self) -> None:
        self._rounded: set[str] = set()

    def add(self, token: Token) -> None:
        """Record a number that may have been rounded."""
        if token.kind is TokenKind.NUMBER:
            self._rounded.add(token.text)

    def interval(self, token: Token, unit: Unit) -> Interval:
        """Return what a number of a left side may stand for."""
        spread = token.last_digit / 2 if token.text in self._rounded else 0.0
        return Interval((token.value - spread) * unit.factor, (token.value + spread) * unit.factor, unit.dimensions)


def _bare(token: Token) -> Unit:
    return NO_UNIT


def _hundredths(token: Token) -> Unit:
    return Unit(0.01, ()) if token.percent else NO_UNIT


def _with_units(token: Token) -> Unit:
    return Unit(token.unit.factor * (0.01 if token.percent else 1.0), token.unit.dimensions)


def judge(left: Side, right: Side, about: bool, shown: ShownResults) -> tuple[Judgement, float | None]:
    """Return whether two sides agree, and what a wrong right side should be, without units."""
    try:
        computed = evaluate(left.tokens, lambda token: shown.interval(token, NO_UNIT))
    except NoExpressionError:
        return Judgement.NOT_CHECKABLE, None
    results = list(_results(right))
    if not left.clean or not results:
        return Judgement.NOT_CHECKABLE, None
    for result in results:
        if _agree(left, result, about, shown):
            _remember(left, result, computed, about, shown)
            return Judgement.RIGHT, None
    for token in right.numbers():
        shown.add(token)
    if not right.clean or _may_mean_something_else(left, results, about, shown):
        return Judgement.NOT_CHECKABLE, None
    return Judgement.WRONG, (computed.low + computed.high) / 2


def _results(right: Side) -> Iterator[Side]:
    """Yield the right side, and what stands before each of its signs: "5 x 4 = 20 + 3 = 23" runs on."""
    depth, ends = 0, [len(right.tokens)]
    for place, token in enumerate(right.tokens):
        if depth == 0 and place and token.kind in (TokenKind.SIGN, TokenKind.OPEN):
            ends.append(place)
        depth += (token.kind is TokenKind.OPEN) - (token.kind is TokenKind.CLOSE)
    for end in ends:
        side = Side(right.tokens[:end], right.clean)
        try:
            evaluate(side.tokens, lambda token: Interval(token.value, token.value))
        except NoExpressionError:
            continue
        yield side


def _agree(left: Side, right: Side, about: bool, shown: ShownResults, factor: float = 1.0) -> bool:
    """Return whether sides agree in any of their readings: without units, percentages as hundredths, with units."""
    pairs: list[tuple[_Reading, _Reading]] = [(_bare, _bare), (_with_units, _with_units)]
    if any(token.percent for token in (*left.tokens, *right.tokens)):
        pairs += [(_hundredths, _hundredths), (_hundredths, _bare), (_bare, _hundredths)]
    return any(_overlap(left, right, about, shown, factor, *pair) for pair in pairs)


def _overlap(
    left: Side, right: Side, about: bool, shown: ShownResults, factor: float, of_left: _Reading, of_right: _Reading
) -> bool:
    known = {token.text for token in left.tokens}
    numbers = right.numbers()
    sums = any(token.kind is TokenKind.SIGN and token.text == "+" for token in right.tokens)

    def as_shown(token: Token) -> Interval:
        unit, digit = of_right(token), token.last_digit
        below, above = digit / 2, digit / 2
        if about:
            below = above = _approximate(token)
        elif len(numbers) > 1 and (token.text in known or (token.whole and not sums)):
            below = above = 0.0
        elif not token.whole:
            above = digit  # cut off
        return Interval((token.value - below) * unit.factor, (token.value + above) * unit.factor, unit.dimensions)

    try:
        a = evaluate(left.tokens, lambda token: shown.interval(token, of_left(token)))
        b = evaluate(right.tokens, as_shown)
    except NoExpressionError:
        return False
    slack = _SLACK * max(map(abs, (a.low, a.high, b.low, b.high)))
    same_kind = a.dimensions is not None and a.dimensions == b.dimensions
    return same_kind and a.low * factor <= b.high + slack and b.low <= a.high * factor + slack


def adds_unlike_units(left: Side, right: Side) -> bool:
    """Return whether an equation that holds for the bare numbers is a sum whose units don't fit."""
    numbers = (*left.numbers(), *right.numbers())
    signs = {token.text for token in left.tokens if token.kind is TokenKind.SIGN}
    if not signs or not signs <= {"+", "-"} or not all(token.unit_text and token.unit.dimensions for token in numbers):
        return False
    if any(not name.startswith("[") for token in numbers for name, _ in token.unit.dimensions):
        return False  # what is only counted is often added: 3 patients + 2 cases
    try:
        total = evaluate(left.tokens, lambda token: Interval(token.value, token.value, _with_units(token).dimensions))
    except NoExpressionError:
        return False
    return total.dimensions is None or not _overlap(left, right, True, ShownResults(), 1.0, _with_units, _with_units)


def _approximate(token: Token) -> float:
    """Return how far a number behind "≈" may be off: one of its last digit that isn't a final zero."""
    if not token.whole or not token.value:
        return token.last_digit
    digits = token.text.replace(",", "")
    return float(10 ** (len(digits) - len(digits.rstrip("0"))))


def _remember(left: Side, right: Side, computed: Interval, about: bool, shown: ShownResults) -> None:
    """Record which numbers of a right side that agrees are rounded."""
    numbers = right.numbers()
    known = {token.text for token in left.tokens}
    for token in numbers:
        exact = len(numbers) == 1 and abs(computed.low - token.value) <= _SLACK * abs(token.value)
        if not exact and token.text not in known and (about or not token.whole or len(numbers) == 1):
            shown.add(token)


def _may_mean_something_else(left: Side, results: Sequence[Side], about: bool, shown: ShownResults) -> bool:
    """Return whether sides that don't agree may be no equation of the writer's, or one with units left out."""
    numbers, signs = left.numbers(), [token for token in left.tokens if token.kind is TokenKind.SIGN]
    if len(numbers) == 2 and len(signs) == 1 and all(token.whole and not token.unit_text for token in numbers):
        if signs[0].text == "/":  # a blood pressure, a visual acuity, two types of a virus
            return True
        if signs[0].text == "-" and numbers[0].value < numbers[1].value:  # a range
            return True
    return any(
        _agree(left, result, about, shown, factor)
        for result in results
        for each in _factors_left_out(left, result)
        for factor in (each, 1 / each)
    )


def _factors_left_out(left: Side, right: Side) -> Sequence[float]:
    every = (*left.numbers(), *right.numbers())
    if any(token.unit_text for token in every) and not all(token.unit_text for token in every):
        return _LEFT_OUT
    if any(token.kind is TokenKind.SIGN and token.text == "/" for token in left.tokens):
        return (100.0,)
    return ()
