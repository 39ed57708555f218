"""Whether each trace ends in its gold, as the reward reads it: a wrong trace teaches the wrong answer."""

from __future__ import annotations

from typing import Final

from evalsuite.reward.strict_reward import StrictReward
from training.checks.check_result import CheckResult
from training.checks.checked_rows import CheckedRow
from training.checks.rendering import Rendering

_SHOWN: Final = 80
"""Characters of a wrong trace's end that are shown."""


class TraceAnswerCheck:
    """Reads each trace strictly, inside the reasoning that the template opens, if it does."""

    def __init__(self) -> None:
        self._reward = StrictReward()
        self._rows = 0
        self._bad: list[str] = []
        self._first = ""

    def take(self, row: CheckedRow, rendering: Rendering) -> None:
        """Look at a row whose gold is payable."""
        self._rows += 1
        said = row.completion or ""
        if self._reward.score(said, row.gold, row.labels, None, row.format, rendering.opens_reasoning) != 1.0:
            self._first = self._first or f"item {row.named} (gold {row.gold}), which ends {said[-_SHOWN:]!r}"
            self._bad.append(row.named)

    def finding(self) -> CheckResult:
        """How many there are, and which don't end in their gold."""
        facts = {"rows": self._rows, "wrong": self._bad}
        if not self._bad:
            return CheckResult(facts)
        share = f"{len(self._bad)} of {self._rows} traces ({len(self._bad) / self._rows:.1%})"
        why = f"{share} don't end in their gold label by the strict parse, such as {self._first}"
        return CheckResult(facts, (f"{why}; take them out",))
