"""Answers by log-likelihood: the option that a model finds likeliest is its answer, and no parser reads anything.

Such numbers measure something else than generated answers do: `Bench.identity` carries the scoring, `pairing` refuses
to hold the two against each other, and a leaderboard gives them columns of their own.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np

from evalsuite.errors import RunError
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
"""Who read the answers, where a parser's version would stand."""
FORMS: Final[Mapping[Scoring, Form]] = {"loglikelihood": "letters", "cloze": "cloze"}
UNRANKED: Final = "no_answer"
"""Status where a server named none of the labels among the likeliest tokens that it tells."""
_SEED = 7
_PROBE = Item("", "Q", ("x", "y"), ("A", "B"), "A", context=(("H", "T"),))

Json = dict[str, Any]


class LoglikelihoodPrompt:
    """A task's context and continuations; `digest` identifies everything that shapes them but the item."""

    def __init__(self, task: Task, scoring: Scoring, system: str | None = None) -> None:
        self.task, self.form, self.system = task, FORMS[scoring], system
        shown = continuations(_PROBE, self.form, task.language)
        identity = "\0".join((shown.context, *shown.choices, system or ""))
        self.digest = hashlib.sha256(identity.encode("utf-8", "surrogatepass")).hexdigest()

    def messages(self, item: Item) -> tuple[Message, ...]:
        """What the model is shown: the context as a user's turn."""
        user = Message(role="user", content=continuations(item, self.form, self.task.language).context)
        return (user,) if self.system is None else (Message(role="system", content=self.system), user)

    def continuations(self, item: Item) -> tuple[str, ...]:
        """What is weighed: a text an option."""
        return continuations(item, self.form, self.task.language).choices


def grade_by_loglikelihood(item: Item, record: ResponseRecord) -> Grade:
    """Grade by the likeliest option, of equals the first (as lm-eval's `acc`); both readings are the same."""
    logs = _logs(item, record)
    if np.isneginf(logs).all():
        reading = GradedParse(None, UNRANKED, False, None)
    else:
        label = original_label(item, int(logs.argmax()), record.rotation)
        reading = GradedParse(label, "ok", label == item.gold, None)
    return Grade(item.id, record.sample, item.gold, reading, reading, None, record.rotation)


class LoglikelihoodTally:
    """The log-likelihoods of a task's items, for what is told of them besides the accuracy.

    With rotated options an item has several answers; they are kept in the order of its own labels.
    """

    def __init__(self, items: Sequence[Item], scoring: Scoring) -> None:
        self._items, self._scoring = items, scoring
        self._logs: dict[tuple[str, int], np.ndarray[tuple[int], np.dtype[np.float64]]] = {}

    def add(self, item: Item, record: ResponseRecord) -> None:
        """Take a response."""
        self._logs[item.id, record.rotation] = np.roll(_logs(item, record), record.rotation)

    def summary(self) -> Json:
        """Calibration of the answers' label probabilities (softmax over the options); in cloze also accuracy by
        the log-likelihood per character (lm-eval's `acc_norm`) and per UTF-8 byte (its `acc_bytes`), over all items."""
        told: Json = {"calibration": self._calibration()}
        if self._scoring == "cloze":
            told["accuracy_per_character"] = self._normalised(len)
            told["accuracy_per_byte"] = self._normalised(lambda text: len(text.encode("utf-8", "surrogatepass")))
        return told

    def _normalised(self, length: Any) -> Json:
        right = np.zeros(len(self._items))
        for place, item in enumerate(self._items):
            if (item.id, 0) in self._logs:
                rates = self._logs[item.id, 0] / [max(1, length(option)) for option in item.options]
                right[place] = item.labels[int(rates.argmax())] == item.gold
        return mean(right, [item.group for item in self._items])._asdict()

    def _calibration(self) -> Json | None:
        held = [
            (item, self._logs.get((item.id, rotation))) for item in self._items for rotation in range(len(item.labels))
        ]
        known = [(item, own) for item, own in held if own is not None and np.isfinite(own).any()]
        if not known:
            return None
        logs = np.full((len(known), max(len(own) for _, own in known)), -np.inf)
        for row, (_, own) in zip(logs, known, strict=True):
            row[: len(own)] = own
        gold = np.array([item.labels.index(item.gold) for item, _ in known], dtype=np.int64)
        groups = [item.group or item.id for item, _ in known]
        found = calibration(probabilities(logs), gold, groups, np.random.default_rng(_SEED))
        return {
            "n": len(known),
            "ece": found.ece._asdict(),
            "ece_if_calibrated": found.ece_if_calibrated,
            "brier": found.brier._asdict(),
            "bins": [{**each._asdict(), "accuracy": each.accuracy._asdict()} for each in found.bins],
        }


def _logs(item: Item, record: ResponseRecord) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """The options' sums, -inf where a server told none; a journal line that holds anything else is a `RunError`."""
    given = record.logprobs
    if not isinstance(given, list | tuple) or len(given) != len(item.labels):
        raise RunError(f"item {item.id}: its response doesn't hold {len(item.labels)} log-probabilities")
    if not all(log is None or (isinstance(log, float | int) and math.isfinite(log)) for log in given):
        raise RunError(f"item {item.id}: its response holds log-probabilities that are no numbers")
    return np.array([-np.inf if log is None else log for log in given], dtype=np.float64)
