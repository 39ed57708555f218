"""Log-likelihood scoring: the likeliest label or option text is the answer, and nothing is parsed.

This measures something else than generated answers: the scoring is part of a task's identity, so that `pairing` refuses
to compare the two, and a leaderboard gives them separate columns.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np

from evalsuite.errors import ErrorCode, RunError
from evalsuite.grading.grade import Grade, GradedParse
from evalsuite.models.backend import Scoring
from evalsuite.run_folder import ResponseRecord
from evalsuite.stats.calibration import calibration, probabilities
from evalsuite.stats.intervals import mean
from evalsuite.tasks.continuation import Form, continuations
from evalsuite.tasks.item import Item
from evalsuite.tasks.prompt import Message
from evalsuite.tasks.rotation import original_label
from evalsuite.tasks.schema import Task

CHOOSER: Final = "argmax"
"""Recorded in place of a parser's version."""
FORMS: Final[Mapping[Scoring, Form]] = {"loglikelihood": "letters", "cloze": "cloze"}
UNRANKED: Final = "no_answer"
"""Status where none of the labels is among the likeliest tokens that a server returns."""
_SEED = 7
_PROBE = Item("", "Q", ("x", "y"), ("A", "B"), "A", context=(("H", "T"),))

Json = dict[str, Any]


class LoglikelihoodPrompt:
    """A task's context and continuations; `digest` identifies everything that shapes them except the item."""

    def __init__(self, task: Task, scoring: Scoring, system: str | None = None) -> None:
        self.task, self.form, self.system = task, FORMS[scoring], system
        shown = continuations(_PROBE, self.form, task.language)
        identity = "\0".join((shown.context, *shown.choices, system or ""))
        self.digest = hashlib.sha256(identity.encode("utf-8", "surrogatepass")).hexdigest()

    def messages(self, item: Item) -> tuple[Message, ...]:
        """Return the context as a user's turn."""
        user = Message(role="user", content=continuations(item, self.form, self.task.language).context)
        return (user,) if self.system is None else (Message(role="system", content=self.system), user)

    def continuations(self, item: Item) -> tuple[str, ...]:
        """Return the texts whose log-likelihoods are compared, one per option."""
        return continuations(item, self.form, self.task.language).choices


def grade_by_loglikelihood(item: Item, record: ResponseRecord) -> Grade:
    """Grade by the likeliest option, of equals the first (as lm-eval's `acc`); strict and lenient are the same."""
    logs = _logs(item, record)
    if np.isneginf(logs).all():
        graded = GradedParse(None, UNRANKED, False, None)
    else:
        label = original_label(item, int(logs.argmax()), record.rotation)
        graded = GradedParse(label, "ok", label == item.gold, None)
    return Grade(item.id, record.sample, item.gold, graded, graded, None, record.rotation)


class LoglikelihoodTally:
    """The log-likelihoods of a task's items, for calibration and length-normalised accuracies.

    With rotated options an item has several responses; all are stored in the item's original order of labels.
    """

    def __init__(self, items: Sequence[Item], scoring: Scoring) -> None:
        self._items, self._scoring = items, scoring
        self._logs: dict[tuple[str, int], np.ndarray[tuple[int], np.dtype[np.float64]]] = {}

    def add(self, item: Item, record: ResponseRecord) -> None:
        """Add a response."""
        self._logs[item.id, record.rotation] = np.roll(_logs(item, record), record.rotation)

    def summary(self) -> Json:
        """Return the calibration of the label probabilities (softmax over the options).

        For cloze scoring also the accuracy by log-likelihood per character (lm-eval's `acc_norm`) and per UTF-8 byte
        (its `acc_bytes`), over all items.
        """
        content: Json = {"calibration": self._calibration()}
        if self._scoring == "cloze":
            content["accuracy_per_character"] = self._normalised(len)
            content["accuracy_per_byte"] = self._normalised(lambda text: len(text.encode("utf-8", "surrogatepass")))
        return content

    def _normalised(self, length: Any) -> Json:
        right = np.zeros(len(self._items))
        for position, item in enumerate(self._items):
            if (item.id, 0) in self._logs:
                rates = self._logs[item.id, 0] / [max(1, length(option)) for option in item.options]
                right[position] = item.labels[int(rates.argmax())] == item.gold
        return mean(right, [item.group for item in self._items])._asdict()

    def _calibration(self) -> Json | None:
        responses = [
            (item, self._logs.get((item.id, rotation))) for item in self._items for rotation in range(len(item.labels))
        ]
        known = [(item, logs) for item, logs in responses if logs is not None and np.isfinite(logs).any()]
        if not known:
            return None
        table = np.full((len(known), max(len(logs) for _, logs in known)), -np.inf)
        for row, (_, logs) in zip(table, known, strict=True):
            row[: len(logs)] = logs
        gold = np.array([item.labels.index(item.gold) for item, _ in known], dtype=np.int64)
        groups = [item.group or item.id for item, _ in known]
        result = calibration(probabilities(table), gold, groups, np.random.default_rng(_SEED))
        return {
            "n": len(known),
            "ece": result.ece._asdict(),
            "ece_if_calibrated": result.ece_if_calibrated,
            "brier": result.brier._asdict(),
            "bins": [{**each._asdict(), "accuracy": each.accuracy._asdict()} for each in result.bins],
        }


def _logs(item: Item, record: ResponseRecord) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Return the options' log-likelihoods, -inf where a server returned none; anything else is a `RunError`."""
    stored = record.logprobs
    if not isinstance(stored, list | tuple) or len(stored) != len(item.labels):
        raise RunError(
            ErrorCode.JOURNAL_MALFORMED,
            f"item {item.id}: its response doesn't have {len(item.labels)} log-probabilities",
        )
    if not all(log is None or (isinstance(log, float | int) and math.isfinite(log)) for log in stored):
        raise RunError(
            ErrorCode.JOURNAL_MALFORMED,
            f"item {item.id}: its response has log-probabilities that aren't finite numbers",
        )
    return np.array([-np.inf if log is None else log for log in stored], dtype=np.float64)
