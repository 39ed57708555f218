"""Parsers of the values in `BackendSettings.model_args`; an invalid value is a `UsageError`."""

from __future__ import annotations

from math import inf

from evalsuite.errors import ErrorCode, UsageError


def parse_bool(value: str, key: str) -> bool:
    """Parse true or false, in any case."""
    if value.lower() not in ("true", "false"):
        raise invalid_value(key, value, "expected true or false")
    return value.lower() == "true"


def parse_positive_int(value: str, key: str) -> int:
    """Parse an integer above zero."""
    # isdigit alone would accept digits of other scripts, and int() signs, spaces and underscores.
    if not value.isascii() or not value.isdigit() or int(value) < 1:
        raise invalid_value(key, value, "expected an integer above 0")
    return int(value)


def parse_fraction(value: str, key: str) -> float:
    """Parse a number above 0 and at most 1."""
    number = _number(value)
    if not 0 < number <= 1:
        raise invalid_value(key, value, "expected a number above 0 and at most 1")
    return number


def parse_seconds(value: str, key: str) -> float:
    """Parse a finite number of seconds above 0."""
    number = _number(value)
    if not 0 < number < inf:
        raise invalid_value(key, value, "expected a number of seconds above 0")
    return number


def invalid_value(key: str, value: str, expected: str) -> UsageError:
    """Return the error for a value that `key` does not accept."""
    return UsageError(ErrorCode.INVALID_ARGUMENT, f"`model_args` {key}={value}: {expected}")


def _number(value: str) -> float:
    try:
        return float(value)
    except ValueError:
        return 0.0  # which no parser above accepts
