"""What must never be written down: keys and passwords, and how they are taken out of everything that is told."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from json import dumps
from typing import Final
from urllib.parse import quote, unquote, urlsplit, urlunsplit

from evalsuite.errors import UsageError

KEY_VARIABLES: Final = ("EVALSUITE_API_KEY", "OPENAI_API_KEY")
"""Where an API key is looked for, in this order."""
_GENERIC: Final = re.compile(r"(?i)(?<=bearer )\S+|(?<=basic )[\w+/=]{6,}|\bsk-[\w*-]{6,}")
_LONGEST_LINE: Final = 400
_SHORTEST_IN_TEXT: Final = 12


class Secrets:
    """Values that are replaced by `***` wherever they turn up; it shows none itself."""

    def __init__(self, values: Iterable[str]) -> None:
        forms = {form for value in values if value for form in (value, quote(value, safe=""), dumps(value)[1:-1])}
        self._forms = sorted(forms, key=len, reverse=True)
        self._long = [form for form in self._forms if len(form) >= _SHORTEST_IN_TEXT]

    def __repr__(self) -> str:
        return f"Secrets({len(self._forms)} forms)"

    def line(self, text: str) -> str:
        """One line that may be told: no secret, nothing that looks like one, at most 400 characters."""
        for form in self._forms:
            text = text.replace(form, "***")
        text = " ".join(_GENERIC.sub("***", text).split())
        return text if len(text) <= _LONGEST_LINE else text[: _LONGEST_LINE - 1] + "…"

    def text(self, text: str) -> str:
        """A model's output without a key that the server echoed; what is too short to be a key may be a word."""
        for form in self._long:
            if form in text:
                text = text.replace(form, "***")
        return text


def find_key(variable: str | None) -> str | None:
    """Read the API key from the environment; a variable that was asked for by name and isn't set is a `UsageError`."""
    if variable is not None and not os.environ.get(variable):
        # It isn't told: it may be the key itself, given where its variable's name belongs.
        raise UsageError("--model-arg api_key_env: it takes the name of a variable; there is none of this name")
    for name in KEY_VARIABLES if variable is None else (variable,):
        key = os.environ.get(name, "").strip()
        if not (key.isascii() and key.isprintable()):
            raise UsageError(f"the API key in {name} holds a character that no header can carry; export it again")
        if key:
            return key
    return None


def secrets_of(url: str) -> list[str]:
    """Everything in a URL that can be a secret: user, password and the values of its query."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return [url]
    values = [part.partition("=")[2] for part in parts.query.split("&")]
    values += [parts.password or "", parts.netloc.rpartition("@")[0]]
    return [form for value in values if value for form in {value, unquote(value)}]


def redacted(url: str) -> str:
    """A URL that may be told: scheme, host and path."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return "***"
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))
