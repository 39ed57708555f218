"""A chat completion on the wire: what is sent, and what comes back in the dialects of the servers in use."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import orjson

from evalsuite.errors import UsageError
from evalsuite.models.backend import Decoding, Finish, Request
from evalsuite.models.http.reply import ServerReply, error_of, load_json

TOKEN_FIELDS: Final = ("max_tokens", "max_completion_tokens")
THINKING_SWITCHES: Final = ("enable_thinking", "thinking")
"""Names under which chat templates know the thinking switch (Qwen, DeepSeek)."""
_OWN: Final = frozenset({"model", "messages", "stream", "n", "temperature", "top_p", "seed", *TOKEN_FIELDS})
_REMOVABLE: Final = frozenset({"temperature", "top_p", "seed"})
_SHAPING: Final = frozenset({"model", "chat_template", "chat_template_kwargs"})
_CUT: Final = frozenset({"length", "max_tokens", "model_length"})
_BROKEN: Final = frozenset({"error", "abort"})
_QUOTED: Final = re.compile(r"['\"`](\w+)['\"`]")


@dataclass(frozen=True, slots=True)
class ChatCompletion:
    """The part of a server's reply that is kept."""

    text: str
    reasoning: str
    finish: Finish
    input_tokens: int | None
    output_tokens: int | None
    seconds: float


class RequestBody:
    """Writes request bodies, and learns from refusals which fields a server has."""

    def __init__(
        self, model: str, decoding: Decoding, tokens_field: str, template: str | None, extra: Mapping[str, Any]
    ) -> None:
        self.tokens_field = tokens_field
        self.seeded = "seed" not in extra
        self._max_tokens = decoding.max_tokens
        self._fixed: dict[str, Any] = {"model": model, "temperature": decoding.temperature, "top_p": decoding.top_p}
        self._fixed |= _for_template(decoding, template)
        kwargs = {**self._fixed.get("chat_template_kwargs", {}), **(extra.get("chat_template_kwargs") or {})}
        self._fixed |= {**extra, **({"chat_template_kwargs": kwargs} if kwargs else {})}
        self._fixed = {name: value for name, value in self._fixed.items() if value is not None}

    def of(self, request: Request) -> bytes:
        """The body of a request."""
        fields = {**self._fixed, self.tokens_field: self._max_tokens, "messages": request.messages}
        if self.seeded:
            fields["seed"] = request.seed
        return orjson.dumps(fields)

    def small(self, tokens: int = 1, **fields: Any) -> bytes:
        """A body that asks for a few tokens, to find out what the server does with `fields`."""
        messages = [{"role": "user", "content": "Hello"}]
        return orjson.dumps({**self._fixed, self.tokens_field: tokens, "messages": messages, **fields})

    @property
    def template_fields(self) -> dict[str, Any]:
        """What shapes the prompt besides the messages."""
        return {name: value for name, value in self._fixed.items() if name in _SHAPING}

    def learn(self, refusal: bytes) -> None:
        """Change what a refusal (the body of a 400 or 422) says the server doesn't take: the tokens field, the seed."""
        message, fields = _complaint(refusal)
        if "max_completion_tokens" in message and "max_tokens" in fields:
            self.tokens_field = "max_completion_tokens"
        elif "seed" in fields:
            self.seeded = False


def parse_extra(text: str) -> dict[str, Any]:
    """Read `--model-arg extra_body=`: a JSON object; `null` takes a field away that is sent otherwise."""
    try:
        extra = json.loads(text)
    except ValueError as error:
        raise UsageError(f"--model-arg extra_body: not JSON ({error})") from None
    if not isinstance(extra, dict):
        raise UsageError('--model-arg extra_body: write a JSON object, such as {"top_k": 20}')
    for name, value in extra.items():
        if name in _OWN and not (value is None and name in _REMOVABLE):
            raise UsageError(f"--model-arg extra_body: {name} has an option of its own; use that")
    return extra


def read_completion(reply: ServerReply) -> ChatCompletion:
    """Read a chat completion; `ValueError` says what isn't one."""
    content = load_json(reply.body)
    choices = content.get("choices") if isinstance(content, dict) else None
    if not isinstance(choices, list) or not choices or not isinstance(choices[0], dict):
        raise ValueError(f"no choices in: {reply.body[:1000].decode(errors='replace')}")
    message, reason = choices[0].get("message"), choices[0].get("finish_reason")
    if not isinstance(message, dict) or reason in _BROKEN:
        raise ValueError(f"no message in: {reply.body[:1000].decode(errors='replace')}")
    text, reasoning = _texts(message)
    usage = content.get("usage")
    usage = usage if isinstance(usage, dict) else {}
    return ChatCompletion(
        text=text,
        reasoning=reasoning,
        finish=_finish(reason, message),
        input_tokens=_count(usage.get("prompt_tokens")),
        output_tokens=_count(usage.get("completion_tokens")),
        seconds=reply.seconds,
    )


def filtered(body: bytes) -> bool:
    """Whether an error body says that a content filter stopped the prompt (Azure answers 400 then)."""
    error = error_of(body)
    return isinstance(error, dict) and error.get("code") == "content_filter"


def _for_template(decoding: Decoding, template: str | None) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    if decoding.thinking != "auto":
        fields["chat_template_kwargs"] = dict.fromkeys(THINKING_SWITCHES, decoding.thinking == "on")
    if decoding.thinking_budget is not None:
        fields["thinking_token_budget"] = decoding.thinking_budget
    if template is not None:
        fields["chat_template"] = template
    return fields


def _texts(message: dict[str, Any]) -> tuple[str, str]:
    """Text and reasoning: `reasoning_content` in DeepSeek's and older vLLM's dialect, `reasoning` in newer ones."""
    content = message.get("content")
    reasoning = message.get("reasoning_content") or message.get("reasoning") or ""
    if isinstance(content, list):
        content, thought = _join(content)
        reasoning = reasoning or thought
    if content is None and (reasoning or "content" in message):
        content = message.get("refusal") or ""
    if not isinstance(content, str) or not isinstance(reasoning, str):
        raise ValueError("the message's content is not text")
    return content, reasoning


def _join(parts: list[Any]) -> tuple[str, str]:
    """Content in typed parts, of which Mistral's `thinking` holds parts again."""
    texts, thoughts = [], []
    for part in parts:
        if not isinstance(part, dict):
            raise ValueError("the message's content has a part without a type")
        if part.get("type") == "thinking":
            inner = part.get("thinking")
            thoughts.append(_join(inner)[0] if isinstance(inner, list) else str(inner))
        elif isinstance(part.get("text"), str):
            texts.append(part["text"])
    return "".join(texts), "".join(thoughts)


def _finish(reason: Any, message: dict[str, Any]) -> Finish:
    if reason in _CUT:
        return "length"
    return "refused" if reason == "content_filter" or message.get("refusal") else "stop"


def _count(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def _complaint(body: bytes) -> tuple[str, set[str]]:
    """The message of an error body and the fields that it names: OpenAI's `param`, FastAPI's `loc`, or in quotes."""
    error = error_of(body)
    if not isinstance(error, dict):
        return "", set()
    message = str(error.get("message", ""))
    fields = {str(error.get("param")).rpartition(".")[2], *_QUOTED.findall(message)}
    details = error.get("detail")
    for detail in details if isinstance(details, list) else ():
        if isinstance(detail, dict) and isinstance(detail.get("loc"), list):
            fields |= {str(place) for place in detail["loc"]}
    return message, fields
