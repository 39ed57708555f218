"""Check that each trace ends in its gold label by the strict parse: a wrong trace teaches the wrong answer."""

from __future__ import annotations

from typing import Final

from evalsuite.reward.strict_reward import StrictReward
from training.checks.check_result import CheckResult
from training.checks.checked_rows import CheckedRow
from training.checks.rendering import Rendering

_SHOWN_CHARACTERS: Final = 80
"""Characters from the end of a wrong trace that a refusal quotes."""


class TraceAnswerCheck:
    """One check that scores each trace, parsed as the continuation of its rendered prompt."""

    def __init__(self) -> None:
        self._reward = StrictReward()
        self._rows = 0
        self._wrong: list[str] = []
        self._example = ""

    def add(self, row: CheckedRow, rendering: Rendering) -> None:
        """Check one row, whose gold label must have passed `GoldRewardCheck`."""
        self._rows += 1
        trace = row.completion or ""
        if self._reward.score(trace, row.gold, row.labels, None, row.format, rendering.opens_reasoning) != 1.0:
            ending = trace[-_SHOWN_CHARACTERS:]
            self._example = self._example or f"item {row.identity} (gold {row.gold}), which ends {ending!r}"
            self._wrong.append(row.identity)

    def result(self) -> CheckResult:
        """Return the rows whose trace doesn't end in the gold label."""
        facts = {"rows": self._rows, "wrong": self._wrong}
        if not self._wrong:
            return CheckResult(facts)
        share = f"{len(self._wrong)} of {self._rows} traces ({len(self._wrong) / self._rows:.1%})"
        reason = f"{share} don't end in their gold label by the strict parse, such as {self._example}"
        return CheckResult(facts, (f"{reason}; remove them",))
