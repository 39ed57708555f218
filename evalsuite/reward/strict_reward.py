"""The reward in TRL's signature, plain and conversational: no torch, picklable, a batch the same as one at a time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from evalsuite.errors import UsageError
from evalsuite.parser import FORMATS, parse, reasoning_open
from evalsuite.tasks.answer_format import DEFAULT

Completion = str | Sequence[Mapping[str, Any]]
"""A text, or the messages of a conversation whose last one is the response."""
_APART: Final = ("reasoning_content", "reasoning", "thinking")
"""Where a message keeps reasoning that came apart from its content."""


class StrictReward:
    """1.0 where the strict parse of a completion is ok and names the gold label, else 0.0.

    The answer format is the one given here, or else each row's own (column `format`), or else `answer_tag`; a row that
    was asked in another format than the one given is a `UsageError`, and so is a gold that isn't among its labels:
    neither could ever be paid. `prompt_opens_reasoning` says that the chat template ends the prompt inside `<think>`;
    the column `opens_reasoning` says it row by row, and a prompt that is seen to end so is recognised by itself.
    """

    def __init__(self, format: str | None = None, prompt_opens_reasoning: bool = False) -> None:
        self.format = None if format is None else _known(format)
        self.prompt_opens_reasoning = prompt_opens_reasoning
        self.__name__ = "strict" if format is None else f"strict_{format}"

    def __call__(
        self,
        completions: Sequence[Completion],
        gold: Sequence[str],
        labels: Sequence[Sequence[str]],
        prompts: Sequence[Any] | None = None,
        format: Sequence[str] | None = None,
        opens_reasoning: Sequence[bool] | None = None,
        **_: Any,
    ) -> list[float]:
        """Pay each completion; the other arguments are columns of the training data, a row a completion."""
        absent: list[Any] = [None] * len(completions)
        columns = (gold, labels, prompts or absent, format or absent, opens_reasoning or absent)
        return [self.pay(*row) for row in zip(completions, *columns, strict=True)]

    def pay(
        self,
        completion: Completion,
        gold: str,
        labels: Sequence[str],
        prompt: Any = None,
        format: str | None = None,
        opens_reasoning: bool | None = None,
    ) -> float:
        """Pay one completion."""
        if gold not in labels:
            raise UsageError(f"gold {gold!r} is not among its labels {', '.join(labels)}: mend the training data")
        text, apart = _response(completion)
        opens = not apart and (self.prompt_opens_reasoning or bool(opens_reasoning) or _opens(prompt))
        strict = parse(text, tuple(labels), None, self._asked(format), "stop", opens).strict
        return float(strict.status == "ok" and strict.label == gold)

    def _asked(self, format: str | None) -> str:
        if format is None or format == self.format:
            return self.format or DEFAULT
        if self.format is not None:
            raise UsageError(f"a row was asked for {format}, and this reward pays for {self.format}: drop one of them")
        return _known(format)


def _known(format: str) -> str:
    if format not in FORMATS:
        raise UsageError(f"answer format {format!r} is unknown; known: {', '.join(FORMATS)}")
    return format


def _response(completion: Completion) -> tuple[str, bool]:
    """The response's own text, and whether reasoning came apart from it."""
    if isinstance(completion, str):
        return completion, False
    if not completion or completion[-1].get("role") != "assistant":
        return "", False
    message = completion[-1]
    return content_text(message.get("content")), any(message.get(key) for key in _APART)


def content_text(content: Any) -> str:
    """Text of a message's content, which may be a text or typed parts."""
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, Sequence) else ()
    return "".join(part["text"] for part in parts if isinstance(part, Mapping) and part.get("type") == "text")


def _opens(prompt: Any) -> bool:
    """Whether a prompt is seen to end inside a reasoning block: its text, or the last turn that the model goes on."""
    if isinstance(prompt, str):
        return prompt.rstrip().endswith("<think>")
    if not isinstance(prompt, Sequence) or not prompt or prompt[-1].get("role") != "assistant":
        return False
    return reasoning_open(content_text(prompt[-1].get("content")))
