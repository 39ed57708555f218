"""Render items as chat messages: a task's Jinja template, the answer instruction and a system prompt."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Literal, NamedTuple, Protocol, TypedDict

from evalsuite.errors import ErrorCode, TaskError
from evalsuite.tasks.answer_format import instruction, instruction_language
from evalsuite.tasks.item import Item
from evalsuite.tasks.template_sandbox import BoundedTemplate


class Message(TypedDict):
    """One chat turn, in the shape that every chat API accepts."""

    role: Literal["system", "user", "assistant"]
    content: str


class PromptItem(NamedTuple):
    """What a template can access of an item: everything but the gold label."""

    question: str
    context: tuple[tuple[str, str], ...]
    options: tuple[tuple[str, str], ...]
    """(label, text) pairs."""
    meta: Mapping[str, str]


class PromptSource(Protocol):
    """What a prompt needs to know of its task; a `Task` has it."""

    @property
    def name(self) -> str:
        """The task's name, for error messages."""

    @property
    def template(self) -> str:
        """The text of the Jinja template."""

    @property
    def language(self) -> str:
        """The language of the answer instruction."""


class TaskPrompt:
    """A task's prompt in one answer format; `digest` identifies everything that shapes its messages but the item."""

    def __init__(self, task: PromptSource, format: str, system: str | None = None) -> None:
        self.task = task
        self.format = format
        self.system = system
        source = task.template
        try:
            self._template = BoundedTemplate(source)
        except BoundedTemplate.FAILURES as error:
            message = f"{task.name}: its prompt template doesn't compile: {_reason(error)}"
            raise TaskError(ErrorCode.INVALID_PROMPT_TEMPLATE, message) from error
        sample = instruction(format, ("A", "B"), instruction_language(task.language))
        # An empty system prompt differs from none: many chat templates insert one of their own if there is none.
        system_identity = "" if system is None else system or "\0"
        identity = "\0".join((source, sample, system_identity))
        self.digest = hashlib.sha256(identity.encode("utf-8", "surrogatepass")).hexdigest()

    def messages(self, item: Item) -> tuple[Message, ...]:
        """Render an item. A template that fails on it or leaves an option out is a `TaskError`."""
        user = Message(role="user", content=self._render(item))
        if self.system is None:
            return (user,)
        return (Message(role="system", content=self.system), user)

    def _render(self, item: Item) -> str:
        options = tuple(zip(item.labels, item.options, strict=True))
        visible = PromptItem(item.question, item.context, options, item.meta)
        answer_instruction = instruction(self.format, item.labels, instruction_language(self.task.language))
        try:
            text = self._template.render(item=visible, answer_instruction=answer_instruction).strip()
        except BoundedTemplate.FAILURES as error:
            message = f"{self.task.name}: its prompt template fails on item {item.id}: {_reason(error)}"
            raise TaskError(ErrorCode.INVALID_PROMPT_TEMPLATE, message) from error
        missing = next((label for label, option in options if option not in text), None)
        if missing is not None:
            message = f"{self.task.name}: the text of option {missing} is not in the prompt of item {item.id}"
            raise TaskError(ErrorCode.INVALID_PROMPT_TEMPLATE, message)
        return text


def _reason(error: BaseException) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__
