"""What a server returned to one attempt, and whether another attempt makes sense."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from enum import Enum
from typing import Any, Final

from evalsuite.errors import BackendError, ErrorCode
from evalsuite.models.redaction import Redactor
from evalsuite.util.jsonl import parse_json

_OVERLOADED: Final = frozenset({429, 503, 529})
_RETRYABLE_4XX: Final = frozenset({408, 409, 425, 429})
_PERMANENT_5XX: Final = frozenset({501, 505})
CHECK_NAME_AND_URL: Final = (
    "is the model's name right, and does `base_urls` end where /chat/completions follows (often in /v1)?"
)


class FailureKind(Enum):
    """Why an attempt gave no response."""

    UNREACHABLE = "unreachable"
    RATE_LIMITED = "rate-limited"
    TIMED_OUT = "timed out"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class RetryableError:
    """A failed attempt that may succeed when it is repeated."""

    kind: FailureKind
    message: str
    """One line without secrets."""
    retry_after: float = 0.0
    """Seconds that the server requested to wait."""
    overloaded: bool = False
    """Whether the server reported that it has too many requests."""


@dataclass(frozen=True, slots=True)
class ServerReply:
    """The HTTP response to one attempt, whatever its status."""

    status: int
    body: bytes = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    seconds: float
    """Time from sending the request to the complete response."""


@dataclass(frozen=True, slots=True)
class PermanentRefusal:
    """A request that will never be answered: refused by the server, or out of attempts."""

    message: str
    """The server's error message, or the last retryable error; one line without secrets."""
    status: int | None = None
    body: bytes = field(default=b"", repr=False)


def classify_error(
    reply: ServerReply, server: str, redactor: Redactor, succeeded: bool
) -> PermanentRefusal | RetryableError:
    """Classify a reply whose status is no success; raise a `BackendError` if every request would meet it.

    `succeeded`: whether any request was answered before, so that a 403 can only concern this one.
    """
    status = reply.status
    message = redactor.redact_line(f"HTTP {status}: {error_message(reply.body)}")
    # OpenAI reports a used-up account as 429 too, which no waiting cures.
    if status == 429 and b"insufficient_quota" in reply.body:
        raise BackendError(ErrorCode.QUOTA_EXHAUSTED, f"{server}: {message}; the account's quota is used up")
    if status in _RETRYABLE_4XX or (status >= 500 and status not in _PERMANENT_5XX):
        kind = FailureKind.RATE_LIMITED if status == 429 else FailureKind.FAILED
        return RetryableError(kind, message, retry_after(reply.headers), overloaded=status in _OVERLOADED)
    fatal = _fatal(status, succeeded)
    if fatal is not None:
        code, advice = fatal
        raise BackendError(code, f"{server}: {message}; {advice}")
    return PermanentRefusal(message, status, reply.body)


def load_json(body: bytes) -> Any:
    """Parse JSON; raise a `ValueError` that quotes the body if it isn't JSON."""
    try:
        return parse_json(body)
    except ValueError as error:
        raise ValueError(f"not JSON ({error}): {body[:300].decode(errors='replace')}") from None


def error_object(body: bytes) -> Any:
    """Return the error in a body of OpenAI's shape or a similar one; None if there is none."""
    try:
        content = load_json(body)
    except ValueError:
        return None
    content = content[0] if isinstance(content, list) and content else content
    return content.get("error", content) if isinstance(content, dict) else None


def error_message(body: bytes) -> str:
    """Return the message of an error body, or the body itself if it has none."""
    error = error_object(body)
    message = error.get("message") if isinstance(error, dict) else error
    return message if isinstance(message, str) and message else body[:4000].decode(errors="replace")


def token_count(value: Any) -> int | None:
    """Return a count from a reply's `usage`; None for anything that is not a natural number."""
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def retry_after(headers: Mapping[str, str]) -> float:
    """Return the seconds that a Retry-After header requests, as a number or a date; 0 without a valid one."""
    value = headers.get("retry-after", "").strip()
    try:
        seconds = float(value)
    except ValueError:
        try:
            seconds = parsedate_to_datetime(value).timestamp() - time.time()
        except (ValueError, OverflowError):
            return 0.0
    return max(0.0, seconds) if seconds == seconds else 0.0  # "nan" is a float too


def _fatal(status: int, succeeded: bool) -> tuple[ErrorCode, str] | None:
    """Return code and advice for a status that every request would meet; None if it may concern this one alone."""
    if status == 401 or (status == 403 and not succeeded):
        return (
            ErrorCode.AUTHENTICATION_FAILED,
            "is the API key right? It is read from EVALSUITE_API_KEY or OPENAI_API_KEY",
        )
    if status == 402:
        return ErrorCode.QUOTA_EXHAUSTED, "the account needs credit"
    if status in (404, 405):
        return ErrorCode.MODEL_NOT_SERVED, CHECK_NAME_AND_URL
    if 300 <= status < 400:
        return ErrorCode.SERVER_REPLY_UNUSABLE, "use the address that it redirects to in `base_urls`"
    return None
