"""Requests for chat completions: their bodies, and the fields that a server refuses."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import orjson

from evalsuite.errors import ErrorCode, UsageError
from evalsuite.models.backend import THINKING_SWITCHES, Decoding, Request
from evalsuite.models.http.context_limit import context_limit
from evalsuite.models.http.refusal import least_tokens, rejected_fields, wants_completion_tokens
from evalsuite.util.jsonl import parse_json

TOKEN_FIELDS: Final = ("max_tokens", "max_completion_tokens")
_RESERVED: Final = frozenset({"model", "messages", "stream", "n", "temperature", "top_p", "seed", *TOKEN_FIELDS})
"""Fields that `extra_body` may not set, since run settings determine them."""
_REMOVABLE: Final = frozenset({"temperature", "top_p", "seed"})
"""Reserved fields that `extra_body` may remove."""
_TEMPLATE_FIELDS: Final = frozenset({"model", "chat_template", "chat_template_kwargs"})


class RequestBody:
    """Encodes the bodies of chat completion requests; leaves out or renames fields that the server refuses."""

    def __init__(
        self,
        model: str,
        decoding: Decoding,
        tokens_field: str,
        template: str | None,
        extra: Mapping[str, Any],
        stream: bool = False,
    ) -> None:
        self.tokens_field = tokens_field
        self.refused: set[str] = set()
        """Fields that are left out because the server rejected them."""
        self.streams = stream
        self._max_tokens = decoding.max_tokens
        self._fewest_tokens = 1
        """Tokens that a request must ask for at least."""
        self._fixed: dict[str, Any] = {"model": model, **_sampling_fields(decoding, extra)}
        self._fixed |= _template_fields(decoding, template)
        if stream:
            self._fixed |= {"stream": True, "stream_options": {"include_usage": True}}
        kwargs = {**self._fixed.get("chat_template_kwargs", {}), **(extra.get("chat_template_kwargs") or {})}
        self._seeded = "seed" not in extra
        removes_kwargs = "chat_template_kwargs" in extra and extra["chat_template_kwargs"] is None
        self._fixed |= {**extra, **({"chat_template_kwargs": kwargs} if kwargs and not removes_kwargs else {})}
        self._fixed = {name: value for name, value in self._fixed.items() if value is not None}

    @property
    def unsent(self) -> set[str]:
        """The decoding settings that requests go without: neutral, removed by `extra_body`, or rejected."""
        sent = self._fixed.keys() - self.refused
        seeded = self._seeded and "seed" not in self.refused
        return {"temperature", "top_p", "seed"} - sent - ({"seed"} if seeded else set())

    @property
    def switches_thinking(self) -> bool:
        """Whether requests carry the chat template's thinking switch."""
        return any(switch in self._fixed.get("chat_template_kwargs", {}) for switch in THINKING_SWITCHES)

    def encode(self, request: Request) -> bytes:
        """Return the body for a request."""
        fields = {**self._fixed, self.tokens_field: self._max_tokens, "messages": request.messages}
        if self._seeded:
            fields["seed"] = request.seed
        return self._dump(fields)

    def encode_probe(self, tokens: int = 1, **fields: Any) -> bytes:
        """Return a body that generates a few tokens only, with `fields` added to it or replacing its own."""
        messages = [{"role": "user", "content": "Hello"}]
        few = max(tokens, self._fewest_tokens)
        return self._dump({**self._fixed, self.tokens_field: few, "messages": messages, **fields})

    def _dump(self, fields: Mapping[str, Any]) -> bytes:
        return orjson.dumps({name: value for name, value in fields.items() if name not in self.refused})

    @property
    def template_fields(self) -> dict[str, Any]:
        """The fields that determine the rendered prompt, besides the messages."""
        return {name: value for name, value in self._fixed.items() if name in _TEMPLATE_FIELDS}

    def adapt(self, refusal: bytes, *, accepted: bool = False) -> set[str]:
        """Change what a refusal (the body of a 400 or 422) rejects; return the fields that are left out from now on.

        `accepted`: whether a request was answered before, so that its temperature and top_p can't be what is rejected;
        to leave them out of the rest of a run would mix two kinds of decoding.
        """
        # Refusals of a request that is too long name these fields too, and mean their values.
        if context_limit(400, refusal) is not None:
            return set()
        if wants_completion_tokens(refusal):
            self.tokens_field = "max_completion_tokens"
            return set()
        sent = {"seed", *self._fixed} if self._seeded else {*self._fixed}
        rejected = (rejected_fields(refusal) & sent) - self.refused
        rejected -= {"temperature", "top_p"} if accepted else set()
        self.refused |= rejected
        return rejected

    def raise_fewest_tokens(self, refusal: bytes) -> bool:
        """Have probes ask for more tokens if a refusal says that theirs are too few; return whether they do."""
        more = least_tokens(refusal, self._fewest_tokens)
        self._fewest_tokens = more or self._fewest_tokens
        return more is not None


def parse_extra_body(text: str) -> dict[str, Any]:
    """Parse `extra_body` of the model arguments: a JSON object, in which null removes a field."""
    try:
        extra = parse_json(text)
    except ValueError as error:
        raise _invalid_extra_body(str(error)) from None
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


def _sampling_fields(decoding: Decoding, extra: Mapping[str, Any]) -> dict[str, Any]:
    """Return temperature and top_p; the latter not where it is neutral.

    At temperature 0 the likeliest token is taken whatever top_p is, and some models refuse even a top_p of 1. At other
    temperatures a server would apply the top_p of the model's generation_config.json if none were sent.
    """
    greedy = decoding.temperature == 0 and "temperature" not in extra
    top_p = {} if greedy and decoding.top_p == 1 else {"top_p": decoding.top_p}
    return {"temperature": decoding.temperature, **top_p}


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
