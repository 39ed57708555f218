"""Chat completions: request bodies, and replies in the dialects of the servers in use."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import orjson

from evalsuite.errors import ErrorCode, UsageError
from evalsuite.models.backend import THINKING_SWITCHES, Decoding, Finish, Request
from evalsuite.models.http.reply import ServerReply, error_object, load_json, token_count

TOKEN_FIELDS: Final = ("max_tokens", "max_completion_tokens")
_RESERVED: Final = frozenset({"model", "messages", "stream", "n", "temperature", "top_p", "seed", *TOKEN_FIELDS})
"""Fields that `extra_body` may not set, since run settings determine them."""
_REMOVABLE: Final = frozenset({"temperature", "top_p", "seed"})
"""Reserved fields that `extra_body` may remove."""
_TEMPLATE_FIELDS: Final = frozenset({"model", "chat_template", "chat_template_kwargs"})
_TRUNCATED: Final = frozenset({"length", "max_tokens", "model_length"})
_FAILED: Final = frozenset({"error", "abort"})
"""Finish reasons of servers that return 200 for a response that they could not complete."""
_QUOTED: Final = re.compile(r"['\"`](\w+)['\"`]")


@dataclass(frozen=True, slots=True)
class ChatCompletion:
    """The parts of a chat completion that a `Response` needs."""

    text: str
    reasoning: str
    finish: Finish
    input_tokens: int | None
    output_tokens: int | None
    seconds: float


class RequestBody:
    """Encodes the bodies of chat completion requests; leaves out or renames fields that the server refuses."""

    def __init__(
        self, model: str, decoding: Decoding, tokens_field: str, template: str | None, extra: Mapping[str, Any]
    ) -> None:
        self.tokens_field = tokens_field
        self.seeded = "seed" not in extra
        self._max_tokens = decoding.max_tokens
        self._fixed: dict[str, Any] = {"model": model, "temperature": decoding.temperature, "top_p": decoding.top_p}
        self._fixed |= _template_fields(decoding, template)
        kwargs = {**self._fixed.get("chat_template_kwargs", {}), **(extra.get("chat_template_kwargs") or {})}
        self._fixed |= {**extra, **({"chat_template_kwargs": kwargs} if kwargs else {})}
        self._fixed = {name: value for name, value in self._fixed.items() if value is not None}

    def encode(self, request: Request) -> bytes:
        """Return the body for a request."""
        fields = {**self._fixed, self.tokens_field: self._max_tokens, "messages": request.messages}
        if self.seeded:
            fields["seed"] = request.seed
        return orjson.dumps(fields)

    def encode_probe(self, tokens: int = 1, **fields: Any) -> bytes:
        """Return a body that generates a few tokens only, with `fields` added to it or replacing its own."""
        messages = [{"role": "user", "content": "Hello"}]
        return orjson.dumps({**self._fixed, self.tokens_field: tokens, "messages": messages, **fields})

    @property
    def template_fields(self) -> dict[str, Any]:
        """The fields that determine the rendered prompt, besides the messages."""
        return {name: value for name, value in self._fixed.items() if name in _TEMPLATE_FIELDS}

    def adapt(self, refusal: bytes) -> None:
        """Change the fields that a refusal (the body of a 400 or 422) rejects: the tokens field or the seed."""
        message, fields = _rejected_fields(refusal)
        if "max_completion_tokens" in message and "max_tokens" in fields:
            self.tokens_field = "max_completion_tokens"
        elif "seed" in fields:
            self.seeded = False


def parse_extra_body(text: str) -> dict[str, Any]:
    """Parse `extra_body` of the model arguments: a JSON object, in which null removes a field."""
    try:
        extra = json.loads(text)
    except ValueError as error:
        raise _invalid_extra_body(f"not JSON ({error})") from None
    if not isinstance(extra, dict):
        raise _invalid_extra_body('write a JSON object, such as {"top_k": 20}')
    for name, value in extra.items():
        if name in _RESERVED and not (value is None and name in _REMOVABLE):
            raise UsageError(
                ErrorCode.CONFLICTING_ARGUMENTS,
                f"`model_args` extra_body: {name} is determined by the run's settings; set it there",
            )
    return extra


def parse_completion(reply: ServerReply) -> ChatCompletion:
    """Parse a chat completion; raise a `ValueError` if the reply isn't one."""
    content = load_json(reply.body)
    choices = content.get("choices") if isinstance(content, dict) else None
    if not isinstance(choices, list) or not choices or not isinstance(choices[0], dict):
        raise ValueError(f"no choices in: {reply.body[:1000].decode(errors='replace')}")
    message, reason = choices[0].get("message"), choices[0].get("finish_reason")
    if not isinstance(message, dict) or reason in _FAILED:
        raise ValueError(f"no message in: {reply.body[:1000].decode(errors='replace')}")
    text, reasoning = _text_and_reasoning(message)
    usage = content.get("usage")
    usage = usage if isinstance(usage, dict) else {}
    return ChatCompletion(
        text=text,
        reasoning=reasoning,
        finish=_finish(reason, message),
        input_tokens=token_count(usage.get("prompt_tokens")),
        output_tokens=token_count(usage.get("completion_tokens")),
        seconds=reply.seconds,
    )


def is_content_filter(body: bytes) -> bool:
    """Return whether an error body reports that a content filter stopped the prompt (Azure: a 400)."""
    error = error_object(body)
    return isinstance(error, dict) and error.get("code") == "content_filter"


def _invalid_extra_body(problem: str) -> UsageError:
    return UsageError(ErrorCode.INVALID_ARGUMENT, f"`model_args` extra_body: {problem}")


def _template_fields(decoding: Decoding, template: str | None) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    if decoding.thinking != "auto":
        # Both names: a template ignores the one that it doesn't define.
        fields["chat_template_kwargs"] = dict.fromkeys(THINKING_SWITCHES, decoding.thinking == "on")
    if decoding.thinking_budget is not None:
        fields["thinking_token_budget"] = decoding.thinking_budget
    if template is not None:
        fields["chat_template"] = template
    return fields


def _text_and_reasoning(message: dict[str, Any]) -> tuple[str, str]:
    """Return text and reasoning; the latter is `reasoning_content` in DeepSeek and older vLLM, else `reasoning`."""
    content = message.get("content")
    reasoning = message.get("reasoning_content") or message.get("reasoning") or ""
    if isinstance(content, list):
        content, typed_reasoning = _join_parts(content)
        reasoning = reasoning or typed_reasoning
    if content is None and (reasoning or "content" in message):
        content = message.get("refusal") or ""
    if not isinstance(content, str) or not isinstance(reasoning, str):
        raise ValueError("the message's content is not text")
    return content, reasoning


def _join_parts(parts: list[Any]) -> tuple[str, str]:
    """Return text and reasoning of content in typed parts; Mistral's `thinking` parts contain parts themselves."""
    texts, reasoning = [], []
    for part in parts:
        if not isinstance(part, dict):
            raise ValueError("the message's content has a part without a type")
        if part.get("type") == "thinking":
            inner = part.get("thinking")
            reasoning.append(_join_parts(inner)[0] if isinstance(inner, list) else str(inner))
        elif isinstance(part.get("text"), str):
            texts.append(part["text"])
    return "".join(texts), "".join(reasoning)


def _finish(reason: Any, message: dict[str, Any]) -> Finish:
    if reason in _TRUNCATED:
        return "length"
    return "refused" if reason == "content_filter" or message.get("refusal") else "stop"


def _rejected_fields(body: bytes) -> tuple[str, set[str]]:
    """Return an error's message and the fields it names: OpenAI's `param`, FastAPI's `loc`, or quoted words."""
    error = error_object(body)
    if not isinstance(error, dict):
        return "", set()
    message = str(error.get("message", ""))
    fields = {str(error.get("param")).rpartition(".")[2], *_QUOTED.findall(message)}
    details = error.get("detail")
    for detail in details if isinstance(details, list) else ():
        if isinstance(detail, dict) and isinstance(detail.get("loc"), list):
            fields |= {str(name) for name in detail["loc"]}
    return message, fields
