"""Error messages that a program stored in the place of a response: they are no text of a model and are never graded."""

from __future__ import annotations

import re
from typing import Final

_LONGEST: Final = 4000
"""Characters; a longer text is a response, whatever its beginning."""
_PHRASES: Final = (
    r"(?:the )?request (?:has )?timed out",
    r"(?:the )?(?:read |connection )?(?:operation )?timed? ?out",
    r"(?:api )?connection (?:error|refused|reset(?: by peer)?|aborted|closed)",
    r"internal server error",
    r"bad gateway",
    r"(?:service|server) (?:is )?(?:temporarily )?unavailable",
    r"gateway time-?out",
    r"too many requests",
    r"(?:api |server |unknown )?error",
    r"rate ?limit(?:ed| exceeded| error)?",
    r"(?:the )?(?:model|server|engine) (?:is )?(?:currently )?overloaded",
    r"no response from (?:the )?(?:model|server|api)",
    r"(?:error|failed) (?:in |to )?(?:get|getting|generate|generating|call|calling)[^.\n]{0,80}",
)
"""The whole text, perhaps behind "Error:" or the name of an exception, with or without a full stop."""
_BEGINNINGS: Final = (
    r"error code: ?\d{3}\b",
    r"http(?: status| error| code)* ?:? ?[45]\d\d\b",
    r"[45]\d\d (?:client error|server error|bad gateway|internal server error|service unavailable|too many requests"
    r"|gateway time-?out|bad request|unauthorized|forbidden|not found)",
    r"https?connectionpool\(",
    r"(?:openai|anthropic|requests|httpx|httpcore|aiohttp|litellm|urllib3|google|botocore|mistralai)\.[\w.]*"
    r"(?:error|exception|timeout)\b",
    r"traceback \(most recent call last\)",
    r"rate limit reached for\b",
    r"you exceeded your current quota\b",
    r"this model's maximum context length is\b",
    r"the server had an error (?:while )?processing\b",
    r"(?:that|the) model is currently overloaded\b",
    r"max retries exceeded with url\b",
    r"incorrect api key provided\b",
    r"error communicating with \w+",
    r"upstream connect error\b",
    r"cuda (?:error\b|out of memory\b)",
    r"an? (?:unexpected )?error occurred(?:\b(?=.{0,40}(?:request|response|api|server))|:)",
    r"\{ ?[\"']error[\"'] ?: ?[\"'{]",
    r"<(?:!doctype html|html)[^>]*>.{0,200}<title>[^<]*(?:[45]\d\d|error|timed out|bad gateway)",
)
"""The beginning of a text whose rest depends on the case."""
# Names of exceptions are distinguished from prose by their capitals: "TypeError:", never "Type error rates".
_EXCEPTION: Final = r"(?:[a-z][\w.]*\.)?[A-Z][A-Za-z]*(?:Error|Exception|Timeout)\b(?=[:(]|\s*$)"
_ERROR: Final = re.compile(
    rf"(?:\[?error\]?[:\s-]+|exception:\s*)?(?:(?:{'|'.join(_PHRASES)})\W*$|(?:{'|'.join(_BEGINNINGS)}))",
    re.IGNORECASE,
)
_NAMED: Final = re.compile(rf"(?:(?i:\[?error\]?[:\s-]+|exception:\s*))?{_EXCEPTION}")


def stored_error(text: str) -> str | None:
    """Return the error message that a stored text is, on one line; None: it may be a response of a model."""
    if len(text) > _LONGEST:
        return None
    line = " ".join(text.split())
    return line if _ERROR.match(line) or _NAMED.match(line) else None
