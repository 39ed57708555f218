"""Requests for chat completions: their bodies, and the fields that a server refuses."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, Final

import orjson

from evalsuite.errors import ErrorCode, UsageError
from evalsuite.models.backend import THINKING_SWITCHES, Decoding, Request
from evalsuite.models.http.context_limit import context_limit
from evalsuite.models.http.error_report import error_object

TOKEN_FIELDS: Final = ("max_tokens", "max_completion_tokens")
_RESERVED: Final = frozenset({"model", "messages", "stream", "n", "temperature", "top_p", "seed", *TOKEN_FIELDS})
"""Fields that `extra_body` may not set, since run settings determine them."""
_REMOVABLE: Final = frozenset({"temperature", "top_p", "seed"})
"""Reserved fields that `extra_body` may remove."""
_TEMPLATE_FIELDS: Final = frozenset({"model", "chat_template", "chat_template_kwargs"})
_QUOTED: Final = re.compile(r"['\"`](\w+)['\"`]")


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
        # Refusals of a request that is too long name these fields too, and mean their values.
        if context_limit(400, refusal) is not None:
            return
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
