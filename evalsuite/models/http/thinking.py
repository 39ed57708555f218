"""Whether a server honours `thinking` off: what its replies show, and which field of its own would do it."""

from __future__ import annotations

import re
from typing import Final

from evalsuite.errors import BackendError, ErrorCode
from evalsuite.parser import DIALECTS, final_segment

_ENOUGH: Final = 3
"""Replies with reasoning, and none without it, that end a run."""
_BODY: Final = "--thinking auto --model-arg extra_body='{}'"
_DISABLED: Final = _BODY.format('{"thinking": {"type": "disabled"}}')
_NO_EFFORT: Final = _BODY.format('{"reasoning_effort": "none"}')
_BY_SERVER: Final = (
    (r"dashscope|aliyuncs", _BODY.format('{"enable_thinking": false}')),
    (r"openrouter\.ai", _BODY.format('{"reasoning": {"enabled": false}}')),
    (r"api\.deepseek\.com|bigmodel\.cn|api\.z\.ai|moonshot|volces|ark\.|anthropic|cohere", _DISABLED),
    (r"api\.openai\.com|openai\.azure\.com|googleapis|api\.mistral\.ai|groq\.com|:11434\b", _NO_EFFORT),
)
"""Fields that hosted services have, by their addresses; 11434 is Ollama's port."""
_BY_MODEL: Final = (
    (r"gpt-?oss", "gpt-oss always reasons: " + _BODY.format('{"reasoning_effort": "low"}') + " shortens it"),
    (
        r"qwq|r1\b|deepseek-r1|[-_]thinking|magistral|reasoner|\bo[134]\b",
        "this model always reasons: use --thinking on",
    ),
    (r"gpt-5|gemini", _NO_EFFORT),
    (r"nemotron-nano|nemotron.*v2", 'the system prompt switches it: --system "/no_think"'),
    (r"nemotron", 'the system prompt switches it: --system "detailed thinking off"'),
    (r"smollm3|hunyuan", 'the system prompt switches it: --system "/no_think"'),
    (r"claude|kimi|glm|doubao|seed-?oss", _DISABLED),
)
"""Fields and prompts that families of models have, where a server passes no arguments on to its chat template."""
_OTHERWISE: Final = (
    "does the server pass chat_template_kwargs on to its template, and does that know enable_thinking or thinking? "
    f"Other switches are sent by {_BODY.format('{...}')}"
)


class ThinkingCheck:
    """Counts the replies that hold reasoning although it was switched off.

    Some models reason now and then whatever the switch is: that is a note. A run in which every reply reasons would be
    recorded as what it isn't: its third reply raises a `BackendError`.
    """

    def __init__(self, server: str, model: str) -> None:
        self._server, self._model = server, model
        self._replies = self._reasoned = 0

    def add(self, text: str, reasoning: str) -> str | None:
        """Count a reply; return the sentence for the reader if any reply so far holds reasoning."""
        self._replies += 1
        self._reasoned += holds_reasoning(text, reasoning)
        if self._reasoned == self._replies >= _ENOUGH:
            raise BackendError(
                ErrorCode.UNSUPPORTED_BY_BACKEND,
                f"`thinking` off: {self._server} ignores it, for its first {self._replies} replies hold reasoning; "
                f"{advice_on_thinking(self._server, self._model)}",
            )
        if not self._reasoned:
            return None
        return (
            f"thinking was switched off, but {self._reasoned} of {self._replies} replies hold reasoning; "
            f"{advice_on_thinking(self._server, self._model)}"
        )


def holds_reasoning(text: str, reasoning: str) -> bool:
    """Return whether a reply holds reasoning, in a field of its own or as marks in its text.

    An empty block (`<think></think>`) is what some templates write in place of reasoning.
    """
    start = final_segment(text)
    thoughts = text if start is None else text[:start]
    for dialect in DIALECTS if thoughts else ():
        for mark in (*dialect.openings, *dialect.closings):
            thoughts = thoughts.replace(mark, "")
    return bool(reasoning.strip() or thoughts.strip())


def advice_on_thinking(server: str, model: str) -> str:
    """Return how this service or this family of models is kept from reasoning."""
    for patterns, name in ((_BY_SERVER, server), (_BY_MODEL, model)):
        for pattern, advice in patterns:
            if re.search(pattern, name, re.IGNORECASE):
                return advice
    return _OTHERWISE
