"""Removal of API keys and passwords from everything that is printed, logged or stored."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from json import dumps
from typing import Final
from urllib.parse import quote, unquote, urlsplit, urlunsplit

from evalsuite.errors import ErrorCode, UsageError

KEY_VARIABLES: Final = ("EVALSUITE_API_KEY", "OPENAI_API_KEY")
"""Environment variables that may hold the API key, in order of precedence."""
_SECRET_PATTERN: Final = re.compile(r"(?i)(?<=bearer )\S+|(?<=basic )[\w+/=]{6,}|\bsk-[\w*-]{6,}")
"""What looks like a secret although it is not known to be one."""
_LONGEST_LINE: Final = 400
_SHORTEST_IN_OUTPUT: Final = 12


class Redactor:
    """Replaces secret values by `***`, in their plain, URL-quoted and JSON-escaped forms."""

    def __init__(self, secrets: Iterable[str]) -> None:
        forms = {form for value in secrets if value for form in (value, quote(value, safe=""), dumps(value)[1:-1])}
        # Longest first: a secret that contains another one must not be cut into pieces that no longer match.
        self._forms = sorted(forms, key=len, reverse=True)
        self._long_forms = [form for form in self._forms if len(form) >= _SHORTEST_IN_OUTPUT]

    def __repr__(self) -> str:
        return f"Redactor({len(self._forms)} forms)"

    def redact_line(self, text: str) -> str:
        """Return foreign text as one line of at most 400 characters without anything that is or looks like a secret."""
        for form in self._forms:
            text = text.replace(form, "***")
        # Backticks mark the names of arguments in messages; a server's own must not be shown as options of a command.
        text = " ".join(_SECRET_PATTERN.sub("***", text).replace("`", "'").split())
        return text if len(text) <= _LONGEST_LINE else text[: _LONGEST_LINE - 1] + "…"

    def redact_output(self, text: str) -> str:
        """Return a model's output without the secrets; those under 12 characters stay, for they may be plain words."""
        for form in self._long_forms:
            if form in text:
                text = text.replace(form, "***")
        return text


def read_api_key(variable: str | None) -> str | None:
    """Read the API key from the environment, from `variable` or else from `KEY_VARIABLES`.

    Return None if no key is set. A `variable` that is named but not set is a `UsageError`.
    """
    if variable is not None and not os.environ.get(variable):
        # The message leaves the value out: it may be the key itself, passed where the variable's name belongs.
        raise UsageError(
            ErrorCode.INVALID_ARGUMENT,
            "`model_args` api_key_env: it takes the name of an environment variable, and none of this name is set",
        )
    for name in KEY_VARIABLES if variable is None else (variable,):
        key = os.environ.get(name, "").strip()
        if not (key.isascii() and key.isprintable()):
            raise UsageError(
                ErrorCode.INVALID_ARGUMENT,
                f"the API key in {name} has a character that no HTTP header can carry; export it again",
            )
        if key:
            return key
    return None


def secrets_in_url(url: str) -> list[str]:
    """Return every part of a URL that can be a secret: user, password and the values of its query."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return [url]
    values = [part.partition("=")[2] for part in parts.query.split("&")]
    values += [parts.password or "", parts.netloc.rpartition("@")[0]]
    return [form for value in values if value for form in {value, unquote(value)}]


def redact_url(url: str) -> str:
    """Return the parts of a URL that can't be secret: scheme, host and path."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return "***"
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))
