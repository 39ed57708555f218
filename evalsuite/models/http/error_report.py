"""What a server says is wrong: errors by their own codes, also inside a reply with status 200, and unknown shapes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final, Self

from evalsuite.util.html_page import page_title
from evalsuite.util.jsonl import dump_json_line, parse_tolerantly

_STATUS_OF: Final[Mapping[str, int]] = {
    word: status
    for status, words in {
        400: "invalid_request_error invalid_request bad_request badrequesterror badrequest invalid_argument "
        "failed_precondition out_of_range validation_error validationerror context_length_exceeded "
        "exceed_context_size_error content_filter content_policy_violation data_inspection_failed",
        401: "authentication_error unauthorized unauthenticated invalid_api_key invalid_authentication_error "
        "authenticationerror incorrect_api_key",
        402: "insufficient_quota payment_required billing_error insufficient_balance billing_hard_limit_reached "
        "exceeded_current_quota_error insufficient_user_quota arrearage",
        403: "permission_error permission_denied forbidden permissiondeniederror access_denied",
        404: "not_found not_found_error model_not_found notfounderror deploymentnotfound invalid_model unknown_model "
        "model_not_supported",
        408: "request_timeout",
        429: "rate_limit_error rate_limit_exceeded rate_limit_reached_error resource_exhausted too_many_requests "
        "ratelimiterror requests tokens throttling throttlingexception",
        499: "cancelled canceled",
        500: "internal internal_error internal_server_error internalservererror server_error api_error unknown",
        502: "bad_gateway upstream_error provider_error network_error",
        503: "unavailable service_unavailable service_unavailable_error engine_overloaded_error",
        504: "deadline_exceeded gateway_timeout timeout",
        529: "overloaded overloaded_error",
    }.items()
    for word in words.split()
}
"""Codes and types of errors of OpenAI, Anthropic, Google (gRPC), vLLM, llama.cpp, Moonshot and Alibaba as statuses."""
_CODE_FIELDS: Final = ("code", "status_code", "http_status", "statusCode", "status", "type")
_FILTER_CODES: Final = frozenset(
    {"content_filter", "content_policy_violation", "responsibleaipolicyviolation", "data_inspection_failed"}
    | {"datainspectionfailed", "1301", "content_blocked", "moderation_blocked", "safety"}
)
_FILTER_WORDS: Final = ("content exists risk", "content filtering policy", "content management policy", "flagged for")
_MINIMAX_CODES: Final[Mapping[str, int | str]] = {
    **dict.fromkeys(("1004", "2049"), 401),
    **dict.fromkeys(("1008", "2056"), 402),
    **dict.fromkeys(("1002", "1039", "1041", "2045"), 429),
    **dict.fromkeys(("1000", "1001", "1024", "1033"), 500),
    **dict.fromkeys(("1026", "1027"), "content_filter"),
    **dict.fromkeys(("1042", "2013"), 400),
}
"""Error codes of MiniMax's API reference (platform.minimax.io, api-reference/errorcode) that concern text; 2056 is a
quota that returns within five hours."""
_DEEPEST: Final = 4
_MOST_KEYS: Final = 12
_LONGEST_KEY: Final = 32


class UnreadableReply(ValueError):
    """A whole reply that has no known shape: to send the request again will hardly give another."""


class ErrorReport(ValueError):
    """An error that stands inside a reply with a status of success; `body` is an error body as servers write it."""

    def __init__(self, status: int, body: bytes) -> None:
        super().__init__(f"an error of status {status}")
        self.status, self.body = status, body

    @classmethod
    def of(cls, error: Any, otherwise: int | None = None) -> Self | UnreadableReply:
        """Return the report of an error object or text, judged by its own code, else by the status `otherwise`.

        Without either it is an `UnreadableReply` with the error's own words.
        """
        status = status_of(error) or otherwise
        body = dump_json_line({"error": error}).rstrip()
        if status is None:
            return UnreadableReply(f"it has an error without a known code: {error_message(body)}")
        return cls(status, body)


def load_reply(body: bytes) -> Any:
    """Parse the body of a reply whose status is a success; raise an `ErrorReport` if it reports an error.

    A body that breaks off is a plain `ValueError`, for a part of it was lost; whatever else isn't JSON is an
    `UnreadableReply`.
    """
    try:
        content = load_json(body)
    except ValueError as error:
        if body.lstrip()[:1] in (b"{", b"[", b""):
            raise
        raise UnreadableReply(str(error)) from None
    if isinstance(content, list) and content and isinstance(content[0], dict) and content[0].get("error"):
        raise ErrorReport.of(content[0]["error"])  # as Gemini wraps its errors
    if isinstance(content, dict) and not content.get("choices"):
        reported = content.get("error") or _minimax_error(content) or (content if _is_error(content) else None)
        if reported:
            raise ErrorReport.of(reported)
    elif isinstance(content, dict) and (status_of(content.get("error")) or _has_words(content.get("error"))):
        raise ErrorReport.of(content["error"])
    return content


def load_json(body: bytes) -> Any:
    """Parse JSON; raise a `ValueError` that quotes the body, or the title of a page, if it isn't JSON."""
    try:
        return parse_tolerantly(body)
    except ValueError as error:
        raise ValueError(f"{error}: {_words(body[:300])}") from None


def error_object(body: bytes) -> Any:
    """Return the error in a body of OpenAI's shape or a similar one; None if there is none."""
    try:
        content = load_json(body)
    except ValueError:
        return None
    content = content[0] if isinstance(content, list) and content else content
    return (content.get("error") or content) if isinstance(content, dict) else None


def error_message(body: bytes) -> str:
    """Return the message of an error body, the title of a page, or the body itself if it has neither."""
    error = error_object(body)
    message = _message(error) if isinstance(error, dict) else error
    return message if isinstance(message, str) and message else _words(body[:4000])


def status_of(error: Any) -> int | None:
    """Return the HTTP status that an error's own code, status or type means; None if none of them is known."""
    if not isinstance(error, dict):
        return None
    for code in (error.get(name) for name in _CODE_FIELDS):
        if isinstance(code, int | str) and not isinstance(code, bool):
            word = str(code).strip().lower()
            number = int(word) if word.isascii() and word.isdigit() and len(word) == 3 else 0
            if 400 <= number < 600:
                return number
            if word in _STATUS_OF:
                return _STATUS_OF[word]
    return None


def is_content_filter(body: bytes) -> bool:
    """Return whether an error body reports that a content filter stopped the prompt or the response."""
    error = error_object(body)
    if not isinstance(error, dict):
        return False
    inner, metadata = error.get("innererror"), error.get("metadata")
    codes = [error.get("code"), error.get("type"), inner.get("code") if isinstance(inner, dict) else None]
    if any(str(code).lower() in _FILTER_CODES for code in codes):
        return True
    # OpenRouter reports its moderation as a 403 with the categories as reasons.
    moderated = isinstance(metadata, dict) and bool(metadata.get("reasons") or metadata.get("flagged_input"))
    return moderated or any(words in str(_message(error)).lower() for words in _FILTER_WORDS)


def outline(content: Any) -> str:
    """Return the shape of a value: keys and types, no content; at most four levels and twelve keys of each object."""
    return _outline(content, _DEEPEST)


def _outline(value: Any, depth: int) -> str:
    if isinstance(value, dict):
        if not depth:
            return "{...}"
        shown = [f"{_key(key)}: {_outline(value[key], depth - 1)}" for key in list(value)[:_MOST_KEYS]]
        return "{" + ", ".join([*shown, *["..."] * (len(value) > _MOST_KEYS)]) + "}"
    if isinstance(value, list):
        return f"[{_outline(value[0], depth) if value else ''}{', ...' if len(value) > 1 else ''}]"
    return "null" if value is None else type(value).__name__


def _key(key: str) -> str:
    return key if len(key) <= _LONGEST_KEY else key[:_LONGEST_KEY] + "..."


def _minimax_error(content: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the error in MiniMax's `base_resp`, which accompanies every status; its code 0 is a success."""
    result = content.get("base_resp")
    if not isinstance(result, dict) or not result.get("status_code"):
        return None
    code = result["status_code"]
    return {"code": _MINIMAX_CODES.get(str(code), code), "message": str(result.get("status_msg") or f"error {code}")}


def _is_error(content: Mapping[str, Any]) -> bool:
    """Return whether an object without choices is itself an error, as vLLM's and FastAPI's were."""
    return content.get("object") == "error" or content.get("type") == "error" or _has_words(content)


def _has_words(error: Any) -> bool:
    if isinstance(error, dict):
        return any(isinstance(each, str) and bool(each) for each in _message_fields(error))
    return isinstance(error, str) and bool(error)


def _message_fields(error: Mapping[str, Any]) -> Iterator[Any]:
    yield from (error.get(name) for name in ("message", "msg", "detail", "error_msg", "error_message", "errorMessage"))


def _message(error: Mapping[str, Any]) -> str | None:
    """Return an error's words; a router's own (`metadata.raw`) follow, since they name the provider's cause."""
    words = next((each for each in _message_fields(error) if isinstance(each, str) and each), None)
    metadata = error.get("metadata")
    raw = metadata.get("raw") if isinstance(metadata, dict) else None
    return f"{words}: {raw}" if words and isinstance(raw, str) and raw else words


def _words(body: bytes) -> str:
    text = body.decode(errors="replace")
    return page_title(text) or text
