"""Whether the start model's chat template treats `<think>` alike where the model learns and where it is judged."""

from __future__ import annotations

from collections import Counter
from typing import Final

from training.checks.check_result import CheckResult
from training.checks.checked_rows import CheckedRow
from training.checks.rendering import Rendering

_OPEN, _CLOSE = "<think>", "</think>"
_REMEDY: Final = {
    "refused": "mend the rows or the template",
    "tokens": "give the start model one tokenizer with one BOS and one template",
    "opens_reasoning": "make the data again with this model's tokenizer (evalsuite.reward.dataset)",
    "stripped": "give the start model a template that keeps reasoning in the last turn",
    "changed": "give the start model a template that leaves the last turn as it is",
    "added": "put the reasoning of each row between <think> and </think>, or give the start model a template that adds "
    "none",
    "prompt": "begin each completion as the prompt begins the response, or mend the template",
}
"""What to do about each kind of trouble."""


class ChatTemplateCheck:
    """Compares each row's two renderings."""

    def __init__(self) -> None:
        self._rows = 0
        self._opens = 0
        self._kinds: Counter[str] = Counter()
        self._first: dict[str, str] = {}

    def take(self, row: CheckedRow, rendering: Rendering) -> None:
        """Look at a row."""
        self._rows += 1
        self._opens += rendering.opens_reasoning
        kind, what = trouble(row, rendering) or ("", "")
        if kind:
            self._kinds[kind] += 1
            self._first.setdefault(kind, f"such as that of item {row.named}: {what}")

    def finding(self) -> CheckResult:
        """How many rows are rendered otherwise than they are evaluated, and how."""
        facts = {"rows": self._rows, "opens_reasoning": self._opens, "troubles": dict(self._kinds)}
        return CheckResult(
            facts,
            tuple(
                f"{many} of {self._rows} rows would be trained on otherwise than they are evaluated, "
                f"{self._first[kind]}; {_REMEDY[kind]}"
                for kind, many in self._kinds.most_common()
            ),
        )


def trouble(row: CheckedRow, rendering: Rendering) -> tuple[str, str] | None:
    """Name what training would show otherwise than evaluation, if anything, and say it."""
    if rendering.trouble is not None:
        return "refused", rendering.trouble
    if rendering.trained_ids != rendering.asked_ids:
        return "tokens", f"its prompt is {len(rendering.trained_ids)} tokens there, {len(rendering.asked_ids)} here"
    if row.completion is not None:
        return _completion(row.completion, rendering)
    if row.opens_reasoning != rendering.opens_reasoning:
        return "opens_reasoning", (
            f"its column opens_reasoning says {row.opens_reasoning}, the template {rendering.opens_reasoning}"
        )
    return None


def _completion(written: str, rendering: Rendering) -> tuple[str, str] | None:
    """White space apart, the completion must stand in the whole as it is, right where the prompt lets it begin."""
    asked, whole, own = map(_squeezed, (rendering.asked, rendering.whole, written))
    before, found, _ = whole.rpartition(own)
    if not found:
        reasoning = own.partition(_CLOSE)[0].removeprefix(_OPEN) if _CLOSE in own else ""
        if reasoning and reasoning not in whole:
            return "stripped", f"the template strips its reasoning, {len(reasoning)} characters"
        return "changed", "the template rewrites its completion"
    if len(before) > len(asked) and before.startswith(asked):
        return "added", f"the template writes {before[len(asked) :]!r} before its completion"
    if list(rendering.whole_ids[: len(rendering.asked_ids)]) != rendering.asked_ids:
        return "prompt", f"evaluation's prompt ends in {rendering.asked[-24:]!r}, which is not how training goes on"
    return None


def _squeezed(text: str) -> str:
    return "".join(text.split())
