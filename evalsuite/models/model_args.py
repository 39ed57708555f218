"""Parsers of the values in `BackendSettings.model_args`; an invalid value is a `UsageError`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from math import inf
from typing import Any, Final

from evalsuite.errors import ErrorCode, UsageError
from evalsuite.models.backend import BackendSettings

_LONGEST_VALUE: Final = 10_000
_SCALAR: Final = re.compile(r"[-+.\w]{1,100}|'[^']*'|\"[^\"]*\"")
"""One word, which YAML may take for a number, a truth value or nothing, or a quoted text."""


def parse_bool(value: str, key: str) -> bool:
    """Parse true or false, in any case."""
    if value.lower() not in ("true", "false"):
        raise invalid_value(key, value, "expected true or false")
    return value.lower() == "true"


def guarded_code(settings: BackendSettings) -> frozenset[str]:
    """Return `trust_remote_code` if the settings have it, unless it is switched off; see `Backend.guarded`."""
    value = settings.model_args.get("trust_remote_code", "false")
    return frozenset() if value.lower() == "false" else frozenset({"trust_remote_code"})


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


def parse_yaml_value(value: str, key: str) -> Any:
    """Parse a value as inspect-ai does, as YAML; what isn't a number, list or mapping of YAML is the text itself."""
    import yaml

    if len(value) > _LONGEST_VALUE:
        raise invalid_value(key, value[:40] + "...", f"expected at most {_LONGEST_VALUE:,} characters")
    # Without aliases a value is as large as its text. A colon or a bracket in a note makes it no mapping.
    nested = value.lstrip().startswith(("[", "{"))
    if not nested and not _SCALAR.fullmatch(value.strip()):
        return value
    try:
        if any(isinstance(token, yaml.AliasToken | yaml.TagToken) for token in yaml.scan(value)):
            raise invalid_value(key, value, "expected a value without aliases and tags")
        parsed = yaml.safe_load(value)
    except (yaml.YAMLError, ValueError, OverflowError, RecursionError):
        if not nested:
            return value
        raise invalid_value(key, value, "expected YAML: quote a text that begins with a bracket") from None
    return parsed if nested or isinstance(parsed, str | int | float | None) else value  # a date stays a text


def stops_at_reasoning_only(args: Mapping[str, str]) -> bool:
    """Parse `reasoning_only`: stop, the default, or keep."""
    value = args.get("reasoning_only", "stop")
    if value not in ("stop", "keep"):
        raise invalid_value("reasoning_only", value, "expected stop or keep")
    return value == "stop"


def invalid_value(key: str, value: str, expected: str) -> UsageError:
    """Return the error for a value that `key` does not accept."""
    return UsageError(ErrorCode.INVALID_ARGUMENT, f"`model_args` {key}={value}: {expected}")


def _number(value: str) -> float:
    try:
        return float(value)
    except ValueError:
        return 0.0  # which no parser above accepts
