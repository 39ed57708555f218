"""Why a response ended, in the words of every provider: one table for all backends, recordings and imported logs.

Sources of the words: the API references of OpenAI, Azure, Anthropic, Google (Gemini and Vertex AI), Amazon Bedrock,
Mistral, Cohere, DeepSeek, Zhipu, Moonshot, MiniMax, Baidu, Alibaba, AI21, IBM watsonx, Aleph Alpha, Together and
OpenRouter, and those of the engines vLLM, SGLang, TGI, TensorRT-LLM, llama.cpp, Ollama and LM Studio.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final, Literal

Finish = Literal["stop", "length", "refused"]
"""Why a response ended: by itself or at a stop token, at the token limit, or because a content filter stopped it."""
FAILED: Final = "failed"
"""The provider failed while it generated: what has arrived is no response."""

_STOP: Final = """
stop stopped end_turn stop_sequence stop_sequence_reached stop_str eos eos_token eosfound end_of_text endoftext
end_of_sequence word complete completed normal finished done success
tool_calls tool_call tool_use function_call stop_string stopstringfound toolcalls
malformed_function_call malformed_tool_use unexpected_tool_call pause_turn
"""
"""A call of a tool ends a response too: no tool was offered, so there is no answer behind it either."""
_LENGTH: Final = """
length max_tokens max_output_tokens max_completion_tokens max_new_tokens max_length model_length maximum_tokens
token_limit token_limit_reached limit context context_length context_length_exceeded context_window_exceeded
context_limit model_context_window_exceeded max_context_length maxpredictedtokensreached contextlengthreached
incomplete truncated
"""
_REFUSED: Final = """
refused refusal content_filter content_filtered contentfilter content_filter_triggered content_policy_violation filtered
safety image_safety sensitive recitation image_recitation blocklist blocked prohibited_content image_prohibited_content
spii language guardrail_intervened guardrail guardrails moderation error_toxic data_inspection_failed model_armor
"""
_FAILED: Final = """
failed failure error abort aborted cancelled canceled user_cancel userstopped network_error server_error internal_error
provider_error insufficient_system_resource overloaded rate_limit timeout timed_out time_limit load unload modelunloaded
malformed_model_output malformed_response error_limit not_finished
"""
_OUTCOMES: Final[Mapping[str, str]] = {
    word: outcome
    for outcome, words in (("stop", _STOP), ("length", _LENGTH), ("refused", _REFUSED), (FAILED, _FAILED))
    for word in words.split()
}
_NO_REASON: Final = frozenset({"", "null", "none"})
_ENUM_PREFIX: Final = re.compile(r"^finish_?reason[._]|^stop_?reason[._]")
_LONGEST: Final = 40


def finish_of(reason: Any) -> str:
    """Return a provider's finish reason as a value of `Finish`, `FAILED`, or, where it is unknown, the word itself.

    Upper case, hyphens and the prefixes of enumerations (`FinishReason.MAX_TOKENS`) don't matter; an object is read by
    its `type`, as SGLang writes one. No reason at all is a plain stop, which is how engines report one. An unknown word
    is in lower case and at most 40 characters long.
    """
    if isinstance(reason, dict):
        reason = reason.get("type")
    if reason is None:
        return "stop"
    word = re.sub(r"[\s-]+", "_", str(reason).strip().lower())
    word = _ENUM_PREFIX.sub("", word)
    if word in _NO_REASON:
        return "stop"
    shown = "".join(char if char.isprintable() else "?" for char in word[:_LONGEST])
    return _OUTCOMES.get(word, shown)


def is_known(finish: str) -> bool:
    """Return whether a response's `finish` is one of `Finish`, and no provider's unknown word."""
    return finish in ("stop", "length", "refused")
