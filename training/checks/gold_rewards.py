"""Check that the reward separates each row's gold label from the others.

A response in the requested format must score 1 with the gold label and 0 with any other label of the row.
"""

from __future__ import annotations

from collections import Counter

from evalsuite.errors import UsageError
from evalsuite.reward.strict_reward import StrictReward
from evalsuite.tasks.answer_format import write
from training.checks.check_result import CheckResult
from training.checks.checked_rows import CheckedRow


class GoldRewardCheck:
    """One check that scores perfect responses to each row with the reward of training."""

    def __init__(self) -> None:
        self._reward = StrictReward()
        # Rows repeat a few combinations of format, gold label and labels, so each combination is scored once.
        self._defects: dict[tuple[str, str, tuple[str, ...]], str | None] = {}
        self._rows = 0
        self._golds: Counter[str] = Counter()
        self._failed: list[tuple[str, str]] = []

    def add(self, row: CheckedRow) -> None:
        """Check one row."""
        self._rows += 1
        self._golds[row.gold] += 1
        key = (row.format, row.gold, row.labels)
        if key not in self._defects:
            self._defects[key] = self._find_defect(*key)
        defect = self._defects[key]
        if defect is not None:
            self._failed.append((row.identity, defect))

    def _find_defect(self, format: str, gold: str, labels: tuple[str, ...]) -> str | None:
        """Return why the reward can't separate a gold label from the others, or None."""
        if len(set(labels)) < len(labels):
            return f"a label occurs twice among {', '.join(labels)}"
        try:
            scores = [self._reward.score(write(format, label), gold, labels, format=format) for label in labels]
        except (UsageError, ValueError) as error:
            return str(error)
        if scores != [float(label == gold) for label in labels]:
            perfect = write(format, gold)
            return f"its perfect response {perfect!r} scores {scores[labels.index(gold)]:g}, the other labels up to 1"
        return None

    def result(self) -> CheckResult:
        """Return the counts of gold labels and the rows that can't be rewarded."""
        failed = [identity for identity, _ in self._failed]
        facts = {"rows": self._rows, "golds": dict(self._golds.most_common()), "not_rewardable": failed}
        if not self._rows:
            return CheckResult(facts, ("there is no row to train on; make the data again",))
        if not self._failed:
            return CheckResult(facts)
        item, defect = self._failed[0]
        reason = f"{len(failed)} of {self._rows} gold labels can't be rewarded, such as that of item {item}: {defect}"
        return CheckResult(facts, (f"{reason}; correct or remove these rows",))
