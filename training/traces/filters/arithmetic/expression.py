"""Calculations between numbers that may be rounded, with or without their units."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from training.traces.filters.arithmetic.tokens import Token, TokenKind
from training.traces.filters.arithmetic.units import Dimensions, as_dimensions

_DEEPEST: Final = 20
_LARGEST_POWER: Final = 64
_LARGEST: Final = 1e30


class NoExpressionError(Exception):
    """These tokens are no calculation, or one without a value."""


class Interval(NamedTuple):
    """The values that a calculation may have, as its numbers may be rounded."""

    low: float
    high: float
    dimensions: Dimensions | None = ()
    """None after a sum of unlike units."""


def _between(values: Sequence[float], dimensions: Dimensions | None) -> Interval:
    low, high = min(values), max(values)
    if not -_LARGEST < low <= high < _LARGEST:
        raise NoExpressionError
    return Interval(low, high, dimensions)


def _product(a: Interval, b: Interval, sign: int = 1) -> Interval:
    if sign < 0 and b.low <= 0 <= b.high:
        raise NoExpressionError
    dimensions = None
    if a.dimensions is not None and b.dimensions is not None:
        total = Counter[str](dict(a.dimensions))
        for name, exponent in b.dimensions:
            total[name] += sign * exponent
        dimensions = as_dimensions(total)
    return _between([x * y**sign for x in (a.low, a.high) for y in (b.low, b.high)], dimensions)


def _sum(a: Interval, b: Interval) -> Interval:
    return _between([a.low + b.low, a.high + b.high], a.dimensions if a.dimensions == b.dimensions else None)


def _negative(a: Interval) -> Interval:
    return Interval(-a.high, -a.low, a.dimensions)


def _power(a: Interval, b: Interval) -> Interval:
    exponent = b.low
    if abs(exponent) > _LARGEST_POWER or exponent != b.high or b.dimensions:
        raise NoExpressionError
    whole = exponent == int(exponent)
    if (a.low < 0 and not whole) or (exponent < 0 and a.low <= 0 <= a.high):
        raise NoExpressionError
    if exponent > 0 and max(abs(a.low), abs(a.high), 1.0) > _LARGEST ** (1 / exponent):
        raise NoExpressionError
    dimensions = None
    if a.dimensions is not None and whole:
        dimensions = tuple((name, power * int(exponent)) for name, power in a.dimensions if exponent)
    ends = [a.low**exponent, a.high**exponent]
    return _between([*ends, 0.0] if a.low < 0 < a.high else ends, dimensions)


class _Parser:
    """Recursive descent: sums of products of powers of numbers and brackets."""

    def __init__(self, tokens: Sequence[Token], value: Callable[[Token], Interval]) -> None:
        self._tokens = tokens
        self._value = value
        self._next = 0
        self._depth = 0

    def whole(self) -> Interval:
        value = self._sum()
        if self._next < len(self._tokens):
            raise NoExpressionError
        return value

    def _sign(self, signs: str) -> str | None:
        if self._next < len(self._tokens):
            token = self._tokens[self._next]
            if token.kind is TokenKind.SIGN and token.text in signs:
                self._next += 1
                return token.text
        return None

    def _sum(self) -> Interval:
        total = _negative(self._product()) if self._sign("-") else self._product()
        while (sign := self._sign("+-")) is not None:
            term = self._product()
            total = _sum(total, term if sign == "+" else _negative(term))
        return total

    def _product(self) -> Interval:
        total = self._factor()
        while True:
            sign = self._sign("*/")
            if sign is None and not self._bracket_follows():
                return total
            total = _product(total, self._factor(), -1 if sign == "/" else 1)

    def _bracket_follows(self) -> bool:
        """Return whether an opening bracket stands at the number before it, which multiplies them: `2(3 + 4)`."""
        if not 0 < self._next < len(self._tokens):
            return False
        before, after = self._tokens[self._next - 1], self._tokens[self._next]
        return after.kind is TokenKind.OPEN and before.end == after.start

    def _factor(self) -> Interval:
        base = self._operand()
        if self._scientific():
            self._next += 1
            return _product(base, self._factor())
        if self._sign("^"):
            exponent = _negative(self._operand()) if self._sign("-") else self._operand()
            return _power(base, exponent)
        return base

    def _scientific(self) -> bool:
        """Return whether `× 10^` follows a number: both are one number, also behind `/`."""
        follows = self._tokens[self._next - 1 : self._next + 3]
        return [token.text for token in follows[1:]] == ["*", "10", "^"] and follows[0].kind is TokenKind.NUMBER

    def _operand(self) -> Interval:
        if self._next >= len(self._tokens):
            raise NoExpressionError
        token = self._tokens[self._next]
        self._next += 1
        if token.kind is TokenKind.NUMBER:
            return self._value(token)
        if token.kind is not TokenKind.OPEN or self._depth >= _DEEPEST:
            raise NoExpressionError
        self._depth += 1
        value = self._sum()
        self._depth -= 1
        if self._next >= len(self._tokens) or self._tokens[self._next].kind is not TokenKind.CLOSE:
            raise NoExpressionError
        self._next += 1
        return value


def evaluate(tokens: Sequence[Token], value: Callable[[Token], Interval]) -> Interval:
    """Return the value of a calculation, each of whose numbers has the value that `value` gives it.

    Raises `NoExpressionError` where the tokens are no whole calculation, or divide by what may be zero.
    """
    try:
        return _Parser(tokens, value).whole()
    except (OverflowError, ZeroDivisionError):
        raise NoExpressionError from None
