"""Whether the reward can tell each gold: a perfect response is paid, and the same with any other label is not."""

from __future__ import annotations

from collections import Counter

from evalsuite.errors import UsageError
from evalsuite.reward.strict_reward import StrictReward
from evalsuite.tasks.answer_format import write
from training.checks.check_result import CheckResult
from training.checks.checked_rows import CheckedRow


class GoldRewardCheck:
    """Proves each row with the reward that will pay it."""

    def __init__(self) -> None:
        self._reward = StrictReward()
        self._known: dict[tuple[str, str, tuple[str, ...]], str | None] = {}
        self._rows = 0
        self._golds: Counter[str] = Counter()
        self._bad: list[tuple[str, str]] = []

    def take(self, row: CheckedRow) -> None:
        """Look at a row."""
        self._rows += 1
        self._golds[row.gold] += 1
        key = (row.format, row.gold, row.labels)
        if key not in self._known:
            self._known[key] = self._trouble(*key)
        trouble = self._known[key]
        if trouble is not None:
            self._bad.append((row.named, trouble))

    def _trouble(self, format: str, gold: str, labels: tuple[str, ...]) -> str | None:
        """Why a gold can't be told, if it can't."""
        if len(set(labels)) < len(labels):
            return f"a label stands twice among {', '.join(labels)}"
        try:
            paid = [self._reward.score(write(format, label), gold, labels, format=format) for label in labels]
        except (UsageError, ValueError) as error:
            return str(error)
        if paid != [float(label == gold) for label in labels]:
            perfect = write(format, gold)
            return f"its perfect response {perfect!r} is paid {paid[labels.index(gold)]:g}, the other labels up to 1"
        return None

    def finding(self) -> CheckResult:
        """How many there are, and which the reward can't tell."""
        facts = {"rows": self._rows, "golds": dict(self._golds.most_common()), "unpayable": [i for i, _ in self._bad]}
        if not self._rows:
            return CheckResult(facts, ("there is no row to train on; make the data again",))
        if not self._bad:
            return CheckResult(facts)
        item, trouble = self._bad[0]
        why = f"{len(self._bad)} of {self._rows} golds can't be paid, such as that of item {item}: {trouble}"
        return CheckResult(facts, (f"{why}; mend or drop these rows",))
