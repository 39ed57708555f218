"""Chat messages as the prompt that a model was trained on: its chat template, its tokens, and back to text."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from evalsuite.errors import BackendError, UsageError
from evalsuite.models.backend import BackendInfo, Thinking
from evalsuite.models.local.reasoning_dialect import PLAIN, dialect_of
from evalsuite.models.optional_packages import describe_error
from evalsuite.parser import reasoning_open
from evalsuite.tasks.prompt import Message

_PROBE: tuple[Message, ...] = ({"role": "user", "content": "?"},)


@dataclass(frozen=True, slots=True)
class TokenizedPrompt:
    """What a model is given: token ids, and whether they end inside an open reasoning block."""

    ids: list[int]
    opens_reasoning: bool


class ChatTemplate:
    """Renders messages with a tokenizer's chat template, or with one that the user gave instead.

    `thinking` is handed to the template under both names in use (`enable_thinking`, `thinking`); a template that pays
    no attention is refused, so that nobody reports a mode that was never on. A model without any template (a base
    model) gets the messages' texts one after the other, and `info` says so.
    """

    def __init__(self, tokenizer: Any, template: str | None, thinking: Thinking, model: str) -> None:
        self.tokenizer = tokenizer
        self._model = model
        self._template = (template if template is not None else _own_template(tokenizer, model)) or None
        self._switch = {} if thinking == "auto" else _switch(thinking == "on")
        self._custom = template is not None
        self._dialect = dialect_of(tokenizer.get_vocab())
        self._specials = [str(token) for token in tokenizer.added_tokens_decoder.values() if token.special]
        self._check_thinking(thinking)

    def _check_thinking(self, thinking: Thinking) -> None:
        if thinking == "auto":
            return
        if self._template is None:
            raise UsageError(f"{self._model} has no chat template, so thinking can't be switched {thinking}")
        if self._apply(_PROBE, _switch(True)) == self._apply(_PROBE, _switch(False)):
            raise UsageError(f"the chat template of {self._model} knows no thinking switch: leave thinking at auto")

    def info(self) -> BackendInfo:
        """Say which template renders the prompts, by digest."""
        if self._template is None:
            return {"chat_template": "none: messages concatenated"}
        digest = hashlib.sha256(self._template.encode()).hexdigest()
        return {"chat_template": "the user's" if self._custom else "the model's", "chat_template_sha256": digest}

    def tokenize(self, messages: Sequence[Message]) -> TokenizedPrompt:
        """Render and tokenize; a template that refuses the messages is a `BackendError`: it would refuse them all."""
        text, opens_reasoning = self.render(messages)
        # A template writes the special tokens itself; plain text gets the ones its tokenizer adds (BOS).
        ids = self.tokenizer(text, add_special_tokens=self._template is None)["input_ids"]
        return TokenizedPrompt(ids=list(ids), opens_reasoning=opens_reasoning)

    def render(self, messages: Sequence[Message]) -> tuple[str, bool]:
        """Render only: the prompt's text, and whether it ends inside an open reasoning block."""
        text = self._apply(messages, self._switch)
        return text, reasoning_open(self._dialect.translate(self._turn(text, messages)))

    def continuation_context(self, messages: Sequence[Message]) -> tuple[str, bool]:
        """The prompt as text, up to where the response begins, and whether a template wrote it.

        A template that begins the response with an open reasoning block is a `UsageError`: nothing behind it is an
        answer.
        """
        if self._template is None:
            return "\n\n".join(message["content"] for message in messages), False
        text = self._apply(messages, self._switch)
        if reasoning_open(self._dialect.translate(self._turn(text, messages))):
            raise UsageError(
                f"the chat template of {self._model} opens a reasoning block, so that no answer can follow at once: "
                "switch it off with --thinking off, or use --chat-template none"
            )
        return text, True

    def _turn(self, text: str, messages: Sequence[Message]) -> str:
        """What the template wrote to begin the response: the messages themselves may speak of <think>."""
        if self._template is None:
            return ""
        before = self._apply(messages, self._switch, begin=False)
        if text != before and text.startswith(before):
            return text[len(before) :]
        # A template that begins the response unasked.
        last = messages[-1]["content"].strip()
        return text.rpartition(last)[2] if last else text

    def decode(self, ids: Sequence[int]) -> str:
        """Turn generated tokens into text: reasoning between `<think>` and `</think>`, special tokens left out."""
        if self._dialect is PLAIN:
            return str(self.tokenizer.decode(ids, skip_special_tokens=True))
        # The marks of some families are special tokens themselves: without them reasoning would read as answer.
        return self.clean(str(self.tokenizer.decode(ids, skip_special_tokens=False)))

    def clean(self, text: str) -> str:
        """Clean text decoded with its special tokens: reasoning inside `<think>`, the other special tokens left out."""
        text = self._dialect.translate(text)
        for special in self._specials:
            text = text.replace(special, "")
        return text

    def forced_close(self) -> list[int]:
        """Tokens that end a reasoning block for the model."""
        return list(self.tokenizer(f"\n{self._dialect.close}\n\n", add_special_tokens=False)["input_ids"])

    def _apply(self, messages: Sequence[Message], switch: dict[str, bool], begin: bool = True) -> str:
        if self._template is None:
            return "\n\n".join(message["content"] for message in messages) + "\n"
        try:
            rendered = self.tokenizer.apply_chat_template(
                [dict(message) for message in messages],
                chat_template=self._template,
                tokenize=False,
                add_generation_prompt=begin,
                **switch,
            )
        except Exception as error:  # templates raise whatever their authors chose
            raise BackendError(
                f"the chat template of {self._model} refuses these messages: {describe_error(error)}"
            ) from error
        return str(rendered)


def _switch(on: bool) -> dict[str, bool]:
    return {"enable_thinking": on, "thinking": on}


def _own_template(tokenizer: Any, model: str) -> str | None:
    if not getattr(tokenizer, "chat_template", None):
        return None
    try:
        return str(tokenizer.get_chat_template())
    except ValueError as error:
        raise BackendError(f"{model}: {describe_error(error)}") from error
