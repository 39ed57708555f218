"""What a server returned to one attempt, and whether another attempt makes sense."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from enum import Enum
from typing import Final

from evalsuite.errors import BackendError, ErrorCode
from evalsuite.models.http.context_limit import context_limit
from evalsuite.models.http.error_report import ErrorReport, error_message, error_object, is_content_filter, status_of
from evalsuite.models.redaction import Redactor, redact_url

_OVERLOADED: Final = frozenset({429, 503, 529})
_RETRYABLE_4XX: Final = frozenset({408, 409, 425, 429})
_PERMANENT_5XX: Final = frozenset({501, 505})
_MALFORMED: Final = frozenset({400, 422})
"""Statuses of malformed requests, under which some servers also report by its code that there is no such model."""
_LONGEST_ADDRESS: Final = 300
CHECK_NAME_AND_URL: Final = (
    "is the model's name right, and does `base_urls` end where /chat/completions follows (often in /v1)?"
)


class FailureKind(Enum):
    """Why an attempt gave no response."""

    UNREACHABLE = "unreachable"
    RATE_LIMITED = "rate-limited"
    TIMED_OUT = "timed out"
    FAILED = "failed"
    UNREADABLE = "unreadable"
    CUT_OFF = "cut off"
    """A stream that ended without a finish reason."""


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
    reply: ServerReply, server: str, redactor: Redactor, succeeded: bool, report: ErrorReport | None = None
) -> PermanentRefusal | RetryableError:
    """Classify a reply that is an error; raise a `BackendError` if every request would meet it.

    `succeeded`: whether any request was answered before, so that a 403 can only concern this one. `report`: the error
    inside a reply whose status is a success; its own status counts.
    """
    status, body, where = reply.status, reply.body, f"HTTP {reply.status}"
    if report is not None:
        status, body, where = report.status, report.body, f"HTTP {reply.status} with error {report.status}"
    elif 300 <= status < 400 and reply.headers.get("location"):
        where += f" to {redact_url(reply.headers['location'][:_LONGEST_ADDRESS])}"
    limit = context_limit(status, body)
    words = f"{where}: {error_message(body)}" if body.strip() else where
    message = redactor.redact_line(words if limit is None else f"{limit} ({words})")
    if limit is not None or is_content_filter(body):
        return PermanentRefusal(message, status, body)
    # OpenAI reports a used-up account as 429 too, which no waiting cures.
    if status == 429 and b"insufficient_quota" in body:
        raise BackendError(ErrorCode.QUOTA_EXHAUSTED, f"{server}: {message}; the account's quota is used up")
    if status in _RETRYABLE_4XX or (status >= 500 and status not in _PERMANENT_5XX):
        kind = FailureKind.RATE_LIMITED if status == 429 else FailureKind.FAILED
        return RetryableError(kind, message, retry_after(reply.headers), overloaded=status in _OVERLOADED)
    fatal = _fatal(404 if status in _MALFORMED and status_of(error_object(body)) == 404 else status, succeeded)
    if fatal is not None:
        code, advice = fatal
        raise BackendError(code, f"{server}: {message}; {advice}")
    return PermanentRefusal(message, status, body)


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
