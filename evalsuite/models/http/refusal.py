"""What a refused request should have been: which of its fields a server rejects, in the words of the servers in use.

Their refusals share no form: OpenAI and Azure name a `param`, FastAPI a `loc`, Anthropic, Google, Mistral, Moonshot,
xAI and vLLM only write a sentence. A field counts as rejected only if the refusal names it and says that it is
rejected, since an item's own words ("temperature 39") may be quoted in an error too.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

from evalsuite.models.http.error_report import error_message, error_object

OMISSIBLE: Final = ("temperature", "top_p", "seed", "stream_options")
"""Fields that requests can do without."""
_SPELLINGS: Final = {"topp": "top_p", "temperature": "temperature", "seed": "seed", "streamoptions": "stream_options"}
"""Fields by their names in lower case and without underscores: some servers write topP."""
_NAME: Final = re.compile(r"\b(temperature|top_?p|seed|stream_?options)\b", re.IGNORECASE)
_REJECTS: Final = re.compile(
    r"unsupported|not? support|n't support|deprecat|\bonly\b|\bfixed\b|must be|should be|may only|invalid|illegal|"
    r"unknown|unrecogni[sz]ed|unexpected|extra (inputs|fields)|not permitted|not allowed|not accept|not available|"
    r"cannot|can not|can't|disallowed|out of range|strictly positive|removed|no longer",
    re.IGNORECASE,
)
_NOT_BOTH: Final = re.compile(r"\bboth\b|only one of|one or the other", re.IGNORECASE)
_NEAR: Final = 80
"""Characters around a field's bare name in which the rejection must stand."""
_STREAM_ONLY: Final = re.compile(
    r"only.{0,20}\bstream|stream\W{0,3}\s*(must|has to|needs to|should) be (set to )?\W?(true|enabled)|non-?stream|"
    r"(enable|set|requires?|use)\W{1,3}(the )?\W?stream|streaming (is|mode is) (strongly )?(required|recommended)|"
    r"streaming requests? only",
    re.IGNORECASE,
)
_NO_MODEL: Final = re.compile(
    r"(model|deployment)\b.{0,80}(not (found|exist|available|served|recogni[sz]ed|loaded)|n't exist|unknown|"
    r"not a valid|no longer)|(invalid|unknown|no such|unrecogni[sz]ed|incorrect|missing) (model|deployment)|"
    r"model_not_found",
    re.IGNORECASE | re.DOTALL,
)
_FEW_TOKENS: Final = re.compile(
    r"(max_(completion_|output_)?tokens|maxoutputtokens|output limit).{0,80}"
    r"(below|at least|>=|greater than|minimum|limit was reached|too (small|low|few))",
    re.IGNORECASE | re.DOTALL,
)
_LIMIT_REACHED: Final = re.compile(r"(max_tokens|output limit).{0,40}limit was reached", re.IGNORECASE | re.DOTALL)
_NUMBER: Final = re.compile(r"(?<![\w.-])\d{1,4}(?![\w.]*\w)")
_LOGPROB_STEPS: Final = (20, 19, 10, 5, 2)
_LEAST_TOKENS: Final = (16, 1024)


def rejected_fields(body: bytes) -> set[str]:
    """Return the fields of `OMISSIBLE` that a refusal (the body of a 400 or 422) rejects.

    Where two may not be sent together, it is top_p that is rejected.
    """
    error, words = error_object(body), error_message(body)
    if _NOT_BOTH.search(words) and {"temperature", "top_p"} <= {_field(match) for match in _NAME.finditer(words)}:
        return {"top_p"}
    located = set(_located(error)) if isinstance(error, dict) else set()
    if located & _SPELLINGS.keys():
        return {_SPELLINGS[name] for name in located if name in _SPELLINGS}
    return {_field(match) for match in _NAME.finditer(words) if _is_rejected(words, match)}


def rejects(body: bytes, name: str) -> bool:
    """Return whether a refusal names this field, by a parameter, a location or in its words."""
    error = error_object(body)
    located = set(_located(error)) if isinstance(error, dict) else set()
    return _plain(name) in located or bool(re.search(rf"\b{re.escape(name)}\b", error_message(body)))


def wants_completion_tokens(body: bytes) -> bool:
    """Return whether a refusal asks for `max_completion_tokens` in place of `max_tokens`."""
    return "max_completion_tokens" in error_message(body) and rejects(body, "max_tokens")


def wants_stream(body: bytes) -> bool:
    """Return whether a refusal says that the server only streams."""
    return bool(_STREAM_ONLY.search(error_message(body)))


def least_tokens(body: bytes, sent: int) -> int | None:
    """Return a higher token limit for a request whose limit of `sent` tokens is refused as too low, else None."""
    words = error_message(body)
    if not _FEW_TOKENS.search(words):
        return None
    stated = [number for number in map(int, _NUMBER.findall(words)) if sent < number <= _LEAST_TOKENS[-1]]
    return min(stated, default=next((number for number in _LEAST_TOKENS if number > sent), None))


def is_token_limit(body: bytes) -> bool:
    """Return whether a refusal is about a response that reached the token limit, which OpenAI's models reason up to."""
    return bool(_LIMIT_REACHED.search(error_message(body)))


def is_about_model(body: bytes, model: str) -> bool:
    """Return whether a refusal says that there is no such model."""
    words = error_message(body)
    named = re.search(rf"{re.escape(model)}\W{{0,3}} .{{0,40}}\b(not|n't|unknown|invalid)\b", words)
    return named is not None or is_about_any_model(body)


def is_about_any_model(body: bytes) -> bool:
    """Return whether a refusal says that there is no such model, whichever it is."""
    located = error_object(body)
    return bool(_NO_MODEL.search(error_message(body))) or (isinstance(located, dict) and "model" in _located(located))


def fewer_logprobs(body: bytes, sent: int) -> int | None:
    """Return a lower number of top_logprobs than the refused one: the number that the refusal states, else the next.

    None if the refusal isn't about their number, or no lower one is of use.
    """
    words = error_message(body)
    if not (rejects(body, "top_logprobs") or re.search(r"logprobs?\b", words, re.IGNORECASE)):
        return None
    stated = [number for number in map(int, _NUMBER.findall(words)) if 1 < number < sent]
    if not stated and not re.search(r"\d", words) and not rejects(body, "top_logprobs"):
        return None
    return max(stated, default=next((number for number in _LOGPROB_STEPS if number < sent), None))


def _field(match: re.Match[str]) -> str:
    return _SPELLINGS[_plain(match[0])]


def _plain(name: str) -> str:
    return name.lower().replace("_", "")


def _is_rejected(words: str, match: re.Match[str]) -> bool:
    around = words[max(0, match.start() - _NEAR) : match.end() + _NEAR]
    return bool(_REJECTS.search(around))


def _located(error: dict[str, Any]) -> Iterator[str]:
    """Yield the names in OpenAI's `param` and FastAPI's `loc`, also where Mistral nests them in the message."""
    if isinstance(error.get("param"), str):
        yield _plain(error["param"].rpartition(".")[2])
    message = error.get("message")
    for holder in (error, message if isinstance(message, dict) else {}):
        details = holder.get("detail")
        for detail in details if isinstance(details, list) else ():
            location = detail.get("loc") if isinstance(detail, dict) else None
            yield from (_plain(str(name)) for name in (location if isinstance(location, list) else ()))
