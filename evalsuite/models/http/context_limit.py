"""Refusals because prompt and response don't fit into a server's context, in the words of the servers in use.

vLLM, SGLang, TGI, llama.cpp, Ollama, OpenAI, Azure, Anthropic, Google, Mistral and OpenRouter phrase it differently.
Most of them name `max_tokens` along the way, although it is the server's limit that is exceeded.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from evalsuite.models.http.error_report import error_message, error_object

_CODES: Final = frozenset(
    {"context_length_exceeded", "exceed_context_size_error", "context_window_exceeded", "string_above_max_length"}
)
_ABOUT: Final = re.compile(
    r"context.{0,20}(length|window|size|limit)|(prompt|input)\b.{0,40}\btoo (long|large)|maximum model length"
    r"|input tokens exceed|token count.{0,20}exceeds|must be <= \d+\. given|must have less than \d+ tokens"
    r"|longer than the maximum|request.{0,20}(too large|too long)|exceeds? the (model's )?(maximum|max)\b.{0,30}tokens"
    r"|range of input length should be \[|tokens in the prompt cannot exceed",
    re.IGNORECASE | re.DOTALL,
)
_NUMBER: Final = r"(\d[\d,_]*)"
_LIMITS: Final = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        rf"\d\s*\+\s*\d+\s*>\s*{_NUMBER}",
        rf">\s*{_NUMBER} maximum",
        rf"{_NUMBER}[ -](?:tokens? )?(?:maximum|max) context",
        rf"context (?:length|window|size|limit)[^\d.;]{{0,25}}{_NUMBER}",
        rf"maximum (?:model length|input length|number of (?:input )?tokens allowed)[^\d.;]{{0,15}}{_NUMBER}",
        rf"must be <= {_NUMBER}",
        rf"range of input length should be \[\d+, ?{_NUMBER}\]",
        rf"tokens in the prompt cannot exceed {_NUMBER}",
        rf"must have less than {_NUMBER}",
        rf"limit of {_NUMBER} tokens",
        rf"maximum of {_NUMBER} tokens",
    )
)
_NEEDED: Final = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        rf"too large: {_NUMBER}\. .*?has {_NUMBER} input tokens",
        rf"passed {_NUMBER} input tokens and requested {_NUMBER} output",
        rf"given: {_NUMBER} `?inputs`? tokens and {_NUMBER}",
        rf"{_NUMBER} \+ {_NUMBER} >",
        rf"requested (?:a total of |about )?{_NUMBER} tokens",
        rf"\({_NUMBER} tokens\) (?:is longer|exceeds)",
        rf"(?:has|contains|resulted in|too long:|length) {_NUMBER}(?: input| prompt)? ?(?:tokens|\))",
        rf"token count \({_NUMBER}\)",
        rf"given: {_NUMBER}",
    )
)
"""Numbers of tokens that a request needs: where a pattern finds two, prompt and response, their sum."""


@dataclass(frozen=True, slots=True)
class ContextLimit:
    """A server's limit on prompt and response together, and what the request would have needed, in tokens."""

    tokens: int | None
    """None: the server doesn't say."""
    needed: int | None

    def __str__(self) -> str:
        limit = "the server's context limit" + (f" of {self.tokens:,} tokens" if self.tokens else "")
        return f"{limit} is too short: " + (
            f"the request needs {self.needed:,}" if self.needed else "the request exceeds it"
        )


def context_limit(status: int, body: bytes) -> ContextLimit | None:
    """Return the limit that an error with this status and body reports; None if it is about something else."""
    if status not in (400, 413, 422, 500):
        return None
    error, words = error_object(body), error_message(body)
    code = str(error.get("code")).lower() if isinstance(error, dict) else ""
    type_ = str(error.get("type")).lower() if isinstance(error, dict) else ""
    if not (status == 413 or code in _CODES or type_ in _CODES or _ABOUT.search(words)):
        return None
    limit, needed = _first(_LIMITS, words), _first(_NEEDED, words)
    if isinstance(error, dict):  # llama.cpp
        limit, needed = _natural(error.get("n_ctx")) or limit, _natural(error.get("n_prompt_tokens")) or needed
    # A number that is below the limit is only a part of what the request needs.
    return ContextLimit(limit, needed if needed and (limit is None or needed >= limit) else None)


def _first(patterns: Sequence[re.Pattern[str]], words: str) -> int | None:
    found = next((match for pattern in patterns if (match := pattern.search(words))), None)
    return None if found is None else sum(int(re.sub(r"[,_]", "", number)) for number in found.groups())


def _natural(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else None
