"""What a server said to one try, and whether another is worth it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from enum import Enum
from typing import Any, Final

from evalsuite.errors import BackendError
from evalsuite.models.redaction import Redactor
from evalsuite.util.jsonl import parse_json

_OVERLOADED: Final = frozenset({429, 503, 529})
_TRANSIENT: Final = frozenset({408, 409, 425, 429})
_PERMANENT: Final = frozenset({501, 505})


class FailureKind(Enum):
    """Why a try gave no answer."""

    UNREACHABLE = "unreachable"
    LIMITED = "rate-limited"
    TIMED_OUT = "timed out"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class RetryableError:
    """A try that may be worth another."""

    kind: FailureKind
    told: str
    wait: float = 0.0
    """Seconds that the server asked to wait."""
    overloaded: bool = False


@dataclass(frozen=True, slots=True)
class ServerReply:
    """What a server said, whatever it was."""

    status: int
    body: bytes = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    seconds: float


@dataclass(frozen=True, slots=True)
class PermanentRefusal:
    """No answer to this request, ever: the server's own words, or the last trouble of its last try."""

    told: str
    status: int | None = None
    body: bytes = field(default=b"", repr=False)


def judge(reply: ServerReply, name: str, redactor: Redactor, succeeded: bool) -> PermanentRefusal | RetryableError:
    """Class a status that isn't a success; one that every request would meet is a `BackendError`.

    `succeeded`: whether any request was answered before, so that a 403 can only be about this one.
    """
    status = reply.status
    told = redactor.redact_line(f"HTTP {status}: {error_message(reply.body)}")
    if status == 429 and b"insufficient_quota" in reply.body:
        raise BackendError(f"{name}: {told}; the account's quota is used up")
    if status in _TRANSIENT or (status >= 500 and status not in _PERMANENT):
        kind = FailureKind.LIMITED if status == 429 else FailureKind.FAILED
        return RetryableError(kind, told, retry_after(reply.headers), overloaded=status in _OVERLOADED)
    advice = _advice(status, succeeded)
    if advice is not None:
        raise BackendError(f"{name}: {told}; {advice}")
    return PermanentRefusal(told, status, reply.body)


def load_json(body: bytes) -> Any:
    """Read JSON; `ValueError` where it isn't."""
    try:
        return parse_json(body)
    except ValueError as error:
        raise ValueError(f"not JSON ({error}): {body[:300].decode(errors='replace')}") from None


def error_of(body: bytes) -> Any:
    """The error in a body, in OpenAI's shape and its relatives; None where there is none."""
    try:
        content = load_json(body)
    except ValueError:
        return None
    content = content[0] if isinstance(content, list) and content else content
    return content.get("error", content) if isinstance(content, dict) else None


def error_message(body: bytes) -> str:
    """A server's own words about an error: the message, or the body as it is."""
    error = error_of(body)
    message = error.get("message") if isinstance(error, dict) else error
    return message if isinstance(message, str) and message else body[:4000].decode(errors="replace")


def retry_after(headers: Mapping[str, str]) -> float:
    """Seconds that a Retry-After header asks for, in either of its forms; 0 without one that can be read."""
    value = headers.get("retry-after", "").strip()
    try:
        seconds = float(value)
    except ValueError:
        try:
            seconds = parsedate_to_datetime(value).timestamp() - time.time()
        except (ValueError, OverflowError):
            return 0.0
    return max(0.0, seconds) if seconds == seconds else 0.0


def _advice(status: int, succeeded: bool) -> str | None:
    """What to do about a status that every request would meet; None: it may be about this request alone."""
    if status == 401 or (status == 403 and not succeeded):
        return "is the API key right? It is read from EVALSUITE_API_KEY or OPENAI_API_KEY"
    if status == 402:
        return "the account needs credit"
    if status in (404, 405):
        return "is the model's name right, and does --base-url end where /chat/completions follows (often in /v1)?"
    if 300 <= status < 400:
        return "give the address that it redirects to as --base-url"
    return None
