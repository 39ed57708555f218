"""Chat messages to prompts and tokens by the model's chat template, and generated tokens back to text."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from evalsuite.errors import BackendError, ErrorCode, UsageError
from evalsuite.models.backend import THINKING_SWITCHES, BackendInfo, Thinking
from evalsuite.models.local.tokenizer_dialect import PLAIN, dialect_of, with_think_marks
from evalsuite.models.optional_packages import describe_error
from evalsuite.models.prompt_day import frozen_day_note, with_frozen_clock
from evalsuite.parser import reasoning_open
from evalsuite.tasks.prompt import Message

_PROBE_MESSAGES: tuple[Message, ...] = ({"role": "user", "content": "?"},)


@dataclass(frozen=True, slots=True)
class TokenizedPrompt:
    """One prompt as token ids, and whether it ends inside an open reasoning block."""

    ids: list[int]
    opens_reasoning: bool


class ChatTemplate:
    """The chat template of a tokenizer, or one that the user supplied instead.

    `thinking` is passed to the template under both names in use (`enable_thinking`, `thinking`); for a template that
    ignores it the constructor raises a `UsageError`, so that no run reports a mode that was never on. A model without
    any template (a base model) gets the messages' texts one after the other, which `info` reports.
    """

    def __init__(self, tokenizer: Any, template: str | None, thinking: Thinking, model: str) -> None:
        self.tokenizer = tokenizer
        self._model = model
        self._template = (template if template is not None else _tokenizer_template(tokenizer, model)) or None
        self._frozen: str | None = None
        """The template with the run's day for today's."""
        self._switch = {} if thinking == "auto" else _thinking_switch(thinking == "on")
        self._custom = template is not None
        self._dialect = dialect_of(tokenizer.get_vocab())
        self._specials = [str(token) for token in tokenizer.added_tokens_decoder.values() if token.special]
        self._check_thinking(thinking)

    def freeze_day(self, day: date) -> str | None:
        """Have the template take this day for today; return what a reader must know if it writes the day at all."""
        self._frozen = with_frozen_clock(self._template, day) if self._template is not None else None
        return frozen_day_note(day) if self._frozen is not None else None

    def _check_thinking(self, thinking: Thinking) -> None:
        if thinking == "auto":
            return
        if self._template is None:
            raise UsageError(
                ErrorCode.UNSUPPORTED_BY_BACKEND,
                f"`thinking` {thinking}: {self._model} has no chat template and hence no such switch; leave it at auto",
            )
        on, off = (self._apply(_PROBE_MESSAGES, _thinking_switch(switch)) for switch in (True, False))
        if on == off:
            raise UsageError(
                ErrorCode.UNSUPPORTED_BY_BACKEND,
                f"`thinking` {thinking}: the chat template of {self._model} has no such switch; leave it at auto",
            )

    def info(self) -> BackendInfo:
        """Return which template renders the prompts, with its digest."""
        if self._template is None:
            return {"chat_template": "none: messages concatenated"}
        digest = hashlib.sha256(self._template.encode()).hexdigest()
        return {"chat_template": "the user's" if self._custom else "the model's", "chat_template_sha256": digest}

    def tokenize(self, messages: Sequence[Message]) -> TokenizedPrompt:
        """Render and tokenize; a template that raises is a `BackendError`, since it would raise for every item."""
        text, opens_reasoning = self.render(messages)
        # A template contains the special tokens itself; plain text needs those that the tokenizer adds (BOS).
        ids = self.tokenizer(text, add_special_tokens=self._template is None)["input_ids"]
        return TokenizedPrompt(ids=list(ids), opens_reasoning=opens_reasoning)

    def render(self, messages: Sequence[Message]) -> tuple[str, bool]:
        """Return the prompt as text, and whether it ends inside an open reasoning block."""
        text = self._apply(messages, self._switch)
        return text, reasoning_open(self._generation_prompt(text, messages))

    def continuation_context(self, messages: Sequence[Message]) -> tuple[str, bool]:
        """Return the text that continuations are scored behind, and whether a template rendered it.

        A template that begins the response with an open reasoning block is a `UsageError`: what follows would be
        reasoning, not an answer.
        """
        if self._template is None:
            return "\n\n".join(message["content"] for message in messages), False
        text = self._apply(messages, self._switch)
        if reasoning_open(self._generation_prompt(text, messages)):
            raise UsageError(
                ErrorCode.UNSUPPORTED_BY_BACKEND,
                f"the chat template of {self._model} opens a reasoning block, so that no answer can follow at once: "
                "set `thinking` to off, or `chat_template` to none",
            )
        return text, True

    def _generation_prompt(self, text: str, messages: Sequence[Message]) -> str:
        """Return what the template appends to the messages to begin the response.

        Only this part shows whether reasoning is open: the messages themselves may contain `<think>`.
        """
        if self._template is None:
            return ""
        before = self._apply(messages, self._switch, add_generation_prompt=False)
        if text != before and text.startswith(before):
            return text[len(before) :]
        # Some templates begin the response whatever `add_generation_prompt` is; it follows the last message then.
        last = messages[-1]["content"].strip()
        return text.rpartition(last)[2] if last else text

    def decode(self, ids: Sequence[int]) -> str:
        """Return generated tokens as text: reasoning between `<think>` and `</think>`, no special tokens."""
        if self._dialect is PLAIN:
            return str(self.tokenizer.decode(ids, skip_special_tokens=True))
        # Some families mark reasoning by special tokens; without them it would be parsed as part of the answer.
        return self.clean(str(self.tokenizer.decode(ids, skip_special_tokens=False)))

    def clean(self, text: str) -> str:
        """Return text decoded with its special tokens as `decode` returns it."""
        text = with_think_marks(text, self._dialect)
        for special in self._specials:
            text = text.replace(special, "")
        return text

    def reasoning_close_ids(self) -> list[int]:
        """Return the tokens that end a reasoning block for this model."""
        return list(self.tokenizer(f"\n{self._dialect.closings[0]}\n\n", add_special_tokens=False)["input_ids"])

    def _apply(self, messages: Sequence[Message], switch: dict[str, bool], add_generation_prompt: bool = True) -> str:
        if self._template is None:
            return "\n\n".join(message["content"] for message in messages) + "\n"
        try:
            rendered = self.tokenizer.apply_chat_template(
                [dict(message) for message in messages],
                chat_template=self._frozen or self._template,
                tokenize=False,
                add_generation_prompt=add_generation_prompt,
                **switch,
            )
        except Exception as error:  # a template may raise anything, jinja2's errors and its own
            raise BackendError(
                ErrorCode.CHAT_TEMPLATE_FAILED,
                f"the chat template of {self._model} can't render these messages: {describe_error(error)}",
            ) from error
        return str(rendered)


def _thinking_switch(on: bool) -> dict[str, bool]:
    return dict.fromkeys(THINKING_SWITCHES, on)


def _tokenizer_template(tokenizer: Any, model: str) -> str | None:
    if not getattr(tokenizer, "chat_template", None):
        return None
    try:
        return str(tokenizer.get_chat_template())
    except ValueError as error:  # several templates and none of them named default
        raise BackendError(ErrorCode.CHAT_TEMPLATE_FAILED, f"{model}: {describe_error(error)}") from error
