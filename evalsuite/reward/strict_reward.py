"""The strict reward in TRL's signature: no torch, picklable, and independent of how completions are batched."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from evalsuite.errors import ErrorCode, UsageError
from evalsuite.parser import FORMATS, parse, prompt_opens_reasoning, reasoning_open
from evalsuite.tasks.answer_format import DEFAULT

Completion = str | Sequence[Mapping[str, Any]]
"""A text, or the messages of a conversation whose last one is the response."""
_REASONING_KEYS: Final = ("reasoning_content", "reasoning", "thinking")
"""Keys under which servers and trainers return reasoning separately from a message's content."""


class StrictReward:
    """1.0 if the strict parse of a completion has status `ok` and names the gold label, else 0.0.

    The answer format is `format` if given, else each row's own (column `format`), else `answer_tag`. A row whose
    format differs from `format` is a `UsageError`, and so is a gold that is not among the row's labels: neither could
    ever earn a reward. `prompt_opens_reasoning` states that the chat template ends the prompt inside `<think>`; the
    column `opens_reasoning` states it per row, and a prompt that visibly ends so is recognised without either.
    """

    def __init__(self, format: str | None = None, prompt_opens_reasoning: bool = False) -> None:
        self.format = None if format is None else _check_format(format)
        self.prompt_opens_reasoning = prompt_opens_reasoning
        # TRL logs a reward under its `__name__`.
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
        """Return the reward of each completion; the other arguments are dataset columns with one value per completion.

        Columns of different lengths are a `ValueError`.
        """
        absent: list[Any] = [None] * len(completions)
        columns = (gold, labels, prompts or absent, format or absent, opens_reasoning or absent)
        return [self.score(*row) for row in zip(completions, *columns, strict=True)]

    def score(
        self,
        completion: Completion,
        gold: str,
        labels: Sequence[str],
        prompt: Any = None,
        format: str | None = None,
        opens_reasoning: bool | None = None,
    ) -> float:
        """Return the reward of one completion."""
        if gold not in labels:
            raise UsageError(
                ErrorCode.TRAINING_DATA_MALFORMED,
                f"gold {gold!r} is not among its labels {', '.join(labels)}: correct the training data",
            )
        text, has_separate_reasoning = _response_text(completion)
        # Reasoning that was returned separately has ended, so the text cannot begin inside it.
        opens = not has_separate_reasoning and (
            self.prompt_opens_reasoning or bool(opens_reasoning) or _ends_in_reasoning(prompt)
        )
        strict = parse(text, tuple(labels), None, self._row_format(format), "stop", opens).strict
        return float(strict.status == "ok" and strict.label == gold)

    def _row_format(self, format: str | None) -> str:
        if format is None or format == self.format:
            return self.format or DEFAULT
        if self.format is not None:
            raise UsageError(
                ErrorCode.CONFLICTING_ARGUMENTS,
                f"a row's prompt requests {format}, but this reward was made for {self.format}: drop one of the two",
            )
        return _check_format(format)


def _check_format(format: str) -> str:
    if format not in FORMATS:
        raise UsageError(
            ErrorCode.UNKNOWN_ANSWER_FORMAT, f"answer format {format!r} is unknown; known: {', '.join(FORMATS)}"
        )
    return format


def _response_text(completion: Completion) -> tuple[str, bool]:
    """Return (text of the response, whether its reasoning was returned separately)."""
    if isinstance(completion, str):
        return completion, False
    # A conversation that ends in a tool's or the user's turn holds no response to grade.
    if not completion or completion[-1].get("role") != "assistant":
        return "", False
    message = completion[-1]
    return content_text(message.get("content")), any(message.get(key) for key in _REASONING_KEYS)


def content_text(content: Any) -> str:
    """Return the text of a message's content, which is either a string or a list of typed parts."""
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, Sequence) else ()
    return "".join(part["text"] for part in parts if isinstance(part, Mapping) and part.get("type") == "text")


def _ends_in_reasoning(prompt: Any) -> bool:
    """Whether a prompt ends inside a reasoning block: its text, or the assistant turn that the model continues."""
    if isinstance(prompt, str):
        return prompt_opens_reasoning(prompt)
    if not isinstance(prompt, Sequence) or not prompt or prompt[-1].get("role") != "assistant":
        return False
    return reasoning_open(content_text(prompt[-1].get("content")))
