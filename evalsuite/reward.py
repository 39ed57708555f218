"""The strict reading as a reward: what training pays for is what the benchmark counts, by the same parser.

    reward = StrictReward()                                    # for TRL: GRPOTrainer(reward_funcs=[reward], ...)
    reward(completions=["<answer>B</answer>"], gold=["B"], labels=[["A", "B"]])     # [1.0]

Pure: no torch, picklable, and the same for a batch as one at a time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from evalsuite.answer import FORMATS, parse
from evalsuite.errors import UsageError
from evalsuite.formats import DEFAULT

Completion = str | Sequence[Mapping[str, Any]]
"""A text, or the messages of a conversation whose last one is the response."""


class StrictReward:
    """1.0 where the strict reading of a completion is ok and names the gold label, else 0.0.

    `prompt_opens_reasoning` says that the chat template ends the prompt inside `<think>`; a plain-text prompt that ends
    so is recognised by itself. A gold that isn't among its labels is a `UsageError`: it could never be paid for.
    """

    def __init__(self, format: str = DEFAULT, prompt_opens_reasoning: bool = False) -> None:
        if format not in FORMATS:
            raise UsageError(f"answer format {format!r} is unknown; known: {', '.join(FORMATS)}")
        self.format = format
        self.prompt_opens_reasoning = prompt_opens_reasoning
        self.__name__ = f"strict_{format}"

    def __call__(
        self,
        completions: Sequence[Completion],
        gold: Sequence[str],
        labels: Sequence[Sequence[str]],
        prompts: Sequence[Any] | None = None,
        **_: Any,
    ) -> list[float]:
        """Pay each completion; `gold` and `labels` are columns of the training data, a row a completion."""
        asked = prompts if prompts is not None else [None] * len(completions)
        rows = zip(completions, gold, labels, asked, strict=True)
        return [self.pay(completion, right, allowed, prompt) for completion, right, allowed, prompt in rows]

    def pay(self, completion: Completion, gold: str, labels: Sequence[str], prompt: Any = None) -> float:
        """Pay one completion."""
        if gold not in labels:
            raise UsageError(f"gold {gold!r} is not among its labels {', '.join(labels)}: mend the training data")
        opens = self.prompt_opens_reasoning or (isinstance(prompt, str) and prompt.rstrip().endswith("<think>"))
        strict = parse(_text(completion), tuple(labels), None, self.format, "stop", opens).strict
        return float(strict.status == "ok" and strict.label == gold)


def _text(completion: Completion) -> str:
    """The response's own text; reasoning that came apart from it is no part of it."""
    if isinstance(completion, str):
        return completion
    if not completion or completion[-1].get("role") != "assistant":
        return ""
    content = completion[-1].get("content")
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, Sequence) else ()
    return "".join(part["text"] for part in parts if isinstance(part, Mapping) and part.get("type") == "text")
