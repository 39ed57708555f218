"""Rows that are longer than a sequence may be: the trainer would cut their ends off, and the answer is at the end."""

from __future__ import annotations

from typing import Any

import numpy as np

from training.checks.check_result import CheckResult
from training.checks.checked_rows import CheckedRow, CheckedText
from training.checks.rendering import Rendering


class RowLengthCheck:
    """Holds the tokens of each row against the stage's `batch.length`."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._tokens: list[int] = []
        self._longest = (0, "")

    def take(self, row: CheckedRow, rendering: Rendering) -> None:
        """Look at a row with a completion."""
        self._count(f"item {row.named}", len(rendering.whole_ids))

    def take_passage(self, passage: CheckedText, tokenizer: Any) -> None:
        """Look at a text, which TRL lets end with the tokenizer's EOS, if it is not to be cut."""
        if passage.whole:
            end = tokenizer.eos_token or ""
            ids = tokenizer(passage.text.removesuffix(end) + end)["input_ids"]
            self._count(f"line {passage.number} of train.jsonl", len(ids))

    def _count(self, name: str, tokens: int) -> None:
        self._longest = max(self._longest, (tokens, name))
        self._tokens.append(tokens)

    def finding(self) -> CheckResult:
        """How long the rows are, and how many would lose their ends."""
        if not self._tokens:
            return CheckResult({"rows": 0})
        cut = sum(tokens > self._limit for tokens in self._tokens)
        median, high = (int(np.quantile(self._tokens, at)) for at in (0.5, 0.99))
        longest, name = self._longest
        facts = {"rows": len(self._tokens), "median": median, "p99": high, "longest": longest, "cut": cut}
        if not cut:
            return CheckResult(facts)
        return CheckResult(
            facts,
            (
                f"{cut} of {len(self._tokens)} rows ({cut / len(self._tokens):.1%}) have more than batch.length = "
                f"{self._limit} tokens, the longest, {name}, has {longest} (99% are within {high}): their ends "
                "would be cut off; raise batch.length, or take them out",
            ),
        )
