"""Removal of API keys and passwords from everything that is printed, logged or stored."""

from __future__ import annotations

import os
import re
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Iterable, Iterator, Mapping
from json import dumps
from typing import Any, Final
from urllib.parse import SplitResult, quote, unquote, urlsplit, urlunsplit

from evalsuite.errors import ErrorCode, UsageError
from evalsuite.util.html_page import without_page
from evalsuite.util.jsonl import parse_tolerantly

KEY_VARIABLES: Final = ("EVALSUITE_API_KEY", "OPENAI_API_KEY")
"""Environment variables that may hold the API key, in order of precedence."""
_SECRET_PATTERN: Final = re.compile(r"(?i)(?<=bearer )\S+|(?<=basic )[\w+/=]{6,}|\bsk-[\w*-]{6,}")
"""What looks like a secret although it is not known to be one."""
_SECRET_NAME: Final = re.compile(
    r"secret|passw(or)?d|passphrase|passcode|credential|bearer|authorization|\bsig(nature)?\b|(^|[_-])auth$|key|cookie"
    r"|(^|[_-])(jwt|pass|pat|pwd|sas)($|[_-])"
    r"|token(?!s|iz|_id|_healing)",
    re.IGNORECASE,
)
"""Names of settings, fields and variables whose values are secrets; `max_tokens` and `tokenizer` are none."""
_USER_IN_URL: Final = re.compile(r"\w:/+[^/?#@\s\"']+@")
"""A user, and possibly a password, in a URL that may stand anywhere in a text."""
_SCHEME: Final = re.compile(r"^\s*(\w+:/+|\w+//|https?:?/*|/+)", re.IGNORECASE)
"""The scheme of a URL, also mistyped."""
_NAMES_A_VARIABLE: Final = re.compile(r"_env$", re.IGNORECASE)
_LONGEST_LINE: Final = 400
_SHORTEST_IN_OUTPUT: Final = 12
_SHORTEST_ANYWHERE: Final = 8
"""A shorter secret is replaced where it is a word of its own: inside other words it would make messages unreadable."""
_SHORTEST_UNNAMED: Final = 16
"""A value of a URL's query that is shorter, and whose name tells nothing, is no secret."""


class Redactor:
    """Replaces secret values by `***`, in their plain, URL-quoted, JSON-escaped and base64 forms."""

    def __init__(self, secrets: Iterable[str]) -> None:
        # Longest first: a secret that contains another one must not be cut into pieces that no longer match.
        self._forms = sorted({form for value in secrets if value for form in _forms(value)}, key=len, reverse=True)
        self._long_forms = [form for form in self._forms if len(form) >= _SHORTEST_IN_OUTPUT]

    def __repr__(self) -> str:
        return f"Redactor({len(self._forms)} forms)"

    def redact_line(self, text: str) -> str:
        """Return foreign text as one line of at most 400 characters without anything that is or looks like a secret."""
        for form in self._forms:
            if len(form) >= _SHORTEST_ANYWHERE:
                text = text.replace(form, "***")
            else:
                text = re.sub(rf"(?<!\w){re.escape(form)}(?!\w)", "***", text)
        text = without_page(text)
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


def is_secret_name(name: str) -> bool:
    """Return whether a setting of this name holds a secret; one that ends in `_env` names a variable instead."""
    return bool(_SECRET_NAME.search(name)) and not _NAMES_A_VARIABLE.search(name)


def refuse_secrets(model_args: Mapping[str, str]) -> None:
    """Raise a `UsageError` for model arguments that hold a secret by their name, a field's name, or their look.

    run.json stores them, and every user of the machine can read a command line.
    """
    for name, value in model_args.items():
        if _NAMES_A_VARIABLE.search(name):
            continue
        looks_secret = _SECRET_PATTERN.search(value) or _USER_IN_URL.search(value)
        if is_secret_name(name) or looks_secret or any(map(is_secret_name, _field_names(value))):
            raise UsageError(
                ErrorCode.SECRET_IN_ARGUMENT,
                f"`model_args` {Redactor([]).redact_line(name)}: it holds a secret, which run.json would store and the "
                "process list shows; set the provider's environment variable instead",
            )


def secrets_in_url(url: str) -> list[str]:
    """Return every part of a URL that can be a secret: user, password, and values of its query, also if mistyped."""
    parts, user = _split(url)
    if parts is None:
        values = [user or url]
    else:
        named = (part.partition("=") for part in parts.query.split("&"))
        values = [user, *(value for name, _, value in named if _is_secret_value(name, unquote(value)))]
    password = user.partition(":")[2]
    values += [password, user if ":" in user else f"{user}:" if user else ""]
    # A slash, question mark or hash that should have been quoted: a server or a library may show the parts.
    values += [part for part in re.split("[/?#]", password) if part != password]
    return [form for value in values if value for form in {value, unquote(value)}]


def secrets_of_proxies() -> list[str]:
    """Return users and passwords of the environment's proxies, which proxies and libraries may show in errors."""
    urls = (value for name, value in os.environ.items() if name.lower().endswith("_proxy") and "@" in value)
    return [secret for url in urls for secret in secrets_in_url(url)]


def redact_url(url: str) -> str:
    """Return the parts of a URL that can't be secret: scheme, host and path; of a mistyped one what follows an @."""
    parts, user = _split(url)
    if parts is None:
        return "***"
    shown = urlunsplit((parts.scheme, parts.netloc, parts.path, "", ""))
    return shown if parts.netloc or not user else f"***@{shown}"


def _split(url: str) -> tuple[SplitResult | None, str]:
    """Return a URL's parts without its user and password, and these; None for the parts of one that can't be split.

    A URL without a scheme, or with a slash or colon that is missing or too many, has its user where a path would be.
    """
    try:
        parts: SplitResult | None = urlsplit(url)
        _ = parts and parts.port
    except ValueError:
        parts = None
    if parts is not None and parts.scheme in ("http", "https") and parts.netloc:
        user, _, host = parts.netloc.rpartition("@")
        before, at, _ = urlunsplit(("", "", *parts[2:])).rpartition("@")
        if not at or not (":" in before or host.endswith(":")):
            return parts._replace(netloc=host), user
    if "@" in url:
        before, _, rest = url.rpartition("@")
        return SplitResult("", "", re.split("[?#]", rest)[0], "", ""), _SCHEME.sub("", before)
    return (None, "") if parts is None else (parts._replace(fragment=""), "")


def _forms(secret: str) -> Iterator[str]:
    """Yield a secret in the forms in which a server may repeat it; its basic authorization is base64 of it."""
    yield from (secret, quote(secret, safe=""), dumps(secret)[1:-1])
    if len(secret) >= _SHORTEST_ANYWHERE or ":" in secret:
        yield from (encode(secret.encode()).decode().rstrip("=") for encode in (b64encode, urlsafe_b64encode))


def _is_secret_value(name: str, value: str) -> bool:
    """Return whether a value of a URL's query may be a secret: by its name, or since it is long and no plain word."""
    if is_secret_name(name) or name.lower() in ("code", "sig", "pass", "pwd", "auth"):
        return True
    mixed = any(map(str.isdigit, value)) and any(map(str.isalpha, value))
    return len(value) >= _SHORTEST_UNNAMED and mixed and "version" not in name.lower()


def _field_names(value: str) -> Iterator[str]:
    """Yield the names of the non-empty texts in a value that is JSON."""
    if value.lstrip()[:1] not in ("{", "["):
        return
    try:
        waiting: list[Any] = [parse_tolerantly(value)]
    except ValueError:
        return
    while waiting:
        part = waiting.pop()
        if isinstance(part, dict):
            yield from (name for name, field in part.items() if isinstance(field, str) and field)
            waiting += part.values()
        elif isinstance(part, list):
            waiting += part
