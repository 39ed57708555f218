"""Check that the start model's chat template renders a prompt and its reasoning alike in training and in evaluation.

Templates of reasoning models treat `<think>` in different ways: some open it at the end of the prompt, some strip the
reasoning from earlier turns or insert an empty block. Where training and evaluation differ, the model learns to
continue a prompt that it never gets.
"""

from __future__ import annotations

from collections import Counter
from typing import Final

from training.checks.check_result import CheckResult
from training.checks.checked_rows import CheckedRow
from training.checks.rendering import Rendering

_OPEN, _CLOSE = "<think>", "</think>"
_REMEDY: Final = {
    "error": "correct the rows or the template",
    "tokens": "give the start model one tokenizer with one BOS and one template",
    "opens_reasoning": "make the data again with this model's tokenizer (evalsuite.reward.dataset)",
    "stripped": "give the start model a template that keeps reasoning in the last turn",
    "changed": "give the start model a template that leaves the last turn as it is",
    "added": "put the reasoning of each row between <think> and </think>, or give the start model a template that adds "
    "none",
    "prompt": "begin each completion as the prompt begins the response, or correct the template",
}
"""What to do about each kind of mismatch."""


class ChatTemplateCheck:
    """One check that compares the two renderings of each row."""

    def __init__(self) -> None:
        self._rows = 0
        self._opening = 0
        self._mismatches: Counter[str] = Counter()
        self._examples: dict[str, str] = {}

    def add(self, row: CheckedRow, rendering: Rendering) -> None:
        """Compare the renderings of one row."""
        self._rows += 1
        self._opening += rendering.opens_reasoning
        mismatch = find_mismatch(row, rendering)
        if mismatch is not None:
            kind, detail = mismatch
            self._mismatches[kind] += 1
            self._examples.setdefault(kind, f"such as that of item {row.identity}: {detail}")

    def result(self) -> CheckResult:
        """Return the number of rows with each kind of mismatch."""
        facts = {"rows": self._rows, "opens_reasoning": self._opening, "mismatches": dict(self._mismatches)}
        return CheckResult(
            facts,
            tuple(
                f"{count} of {self._rows} rows would be rendered differently in training and in evaluation, "
                f"{self._examples[kind]}; {_REMEDY[kind]}"
                for kind, count in self._mismatches.most_common()
            ),
        )


def find_mismatch(row: CheckedRow, rendering: Rendering) -> tuple[str, str] | None:
    """Return the kind of the first difference between training and evaluation with a description, or None."""
    if rendering.error is not None:
        return "error", rendering.error
    if rendering.trained_prompt_ids != rendering.prompt_ids:
        training, evaluation = len(rendering.trained_prompt_ids), len(rendering.prompt_ids)
        return "tokens", f"its prompt is {training} tokens in training and {evaluation} in evaluation"
    if row.completion is not None:
        return _completion_mismatch(row.completion, rendering)
    if row.opens_reasoning != rendering.opens_reasoning:
        return "opens_reasoning", (
            f"its column opens_reasoning is {row.opens_reasoning}, but the template's is {rendering.opens_reasoning}"
        )
    return None


def _completion_mismatch(completion: str, rendering: Rendering) -> tuple[str, str] | None:
    """Compare a completion with its place in the rendered conversation, ignoring white space.

    It must occur there unchanged, directly behind the prompt as evaluation sends it.
    """
    prompt, conversation, expected = map(_without_space, (rendering.prompt, rendering.conversation, completion))
    before, match, _ = conversation.rpartition(expected)
    if not match:
        reasoning = expected.partition(_CLOSE)[0].removeprefix(_OPEN) if _CLOSE in expected else ""
        if reasoning and reasoning not in conversation:
            return "stripped", f"the template strips its reasoning, {len(reasoning)} characters"
        return "changed", "the template rewrites its completion"
    if len(before) > len(prompt) and before.startswith(prompt):
        return "added", f"the template writes {before[len(prompt) :]!r} before its completion"
    # Equal text is not enough: where a token spans the end of the prompt, the model is trained on another split.
    if list(rendering.conversation_ids[: len(rendering.prompt_ids)]) != rendering.prompt_ids:
        return "prompt", (
            f"evaluation's prompt ends in {rendering.prompt[-24:]!r}, after which training continues differently"
        )
    return None


def _without_space(text: str) -> str:
    return "".join(text.split())
