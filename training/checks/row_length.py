"""Check that no row is longer than a sequence: the trainer would truncate it, and the answer is at its end."""

from __future__ import annotations

from typing import Any

import numpy as np

from training.checks.check_result import CheckResult
from training.checks.checked_rows import CheckedRow, CheckedText
from training.checks.rendering import Rendering


class RowLengthCheck:
    """One check that compares the tokens of each row with the stage's `batch.length`."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._tokens: list[int] = []
        self._longest = (0, "")

    def add(self, row: CheckedRow, rendering: Rendering) -> None:
        """Count the tokens of one row with a completion."""
        self._count(f"item {row.identity}", len(rendering.conversation_ids))

    def add_text(self, text: CheckedText, tokenizer: Any) -> None:
        """Count the tokens of one text if it must fit into one sequence; TRL appends the EOS where it is missing."""
        if text.unsplit:
            end = tokenizer.eos_token or ""
            ids = tokenizer(text.text.removesuffix(end) + end)["input_ids"]
            self._count(f"line {text.line} of train.jsonl", len(ids))

    def _count(self, name: str, tokens: int) -> None:
        self._longest = max(self._longest, (tokens, name))
        self._tokens.append(tokens)

    def result(self) -> CheckResult:
        """Return quantiles of the rows' lengths in tokens and the number of rows that would be truncated."""
        if not self._tokens:
            return CheckResult({"rows": 0})
        truncated = sum(tokens > self._limit for tokens in self._tokens)
        median, p99 = (int(np.quantile(self._tokens, share)) for share in (0.5, 0.99))
        longest, name = self._longest
        facts = {"rows": len(self._tokens), "median": median, "p99": p99, "longest": longest, "truncated": truncated}
        if not truncated:
            return CheckResult(facts)
        return CheckResult(
            facts,
            (
                f"{truncated} of {len(self._tokens)} rows ({truncated / len(self._tokens):.1%}) have more than "
                f"batch.length = {self._limit} tokens, the longest, {name}, has {longest} (99% have at most {p99}): "
                "their ends would be truncated; raise batch.length, or remove them",
            ),
        )
