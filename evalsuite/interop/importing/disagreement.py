"""Where a harness read other answers than evalsuite's parser: counted by kind, because each kind has its own cause."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from evalsuite.grading.grade import Grade
from evalsuite.interop.importing.harness_log import LoggedResponse
from evalsuite.tasks.item import Item
from evalsuite.tasks.option_labels import KeyReading, learn_key_reading

_KINDS: Mapping[str, str] = {
    "only_harness": "it read a label where the strict parse sees none",
    "only_lenient": "it read none where the lenient parse sees one",
    "other_label": "it read another label than the strict parse",
}


def answer_reading(scored: Iterable[tuple[LoggedResponse, Item]], labels: tuple[str, ...] | None) -> KeyReading:
    """Return how the harness's answers name options: those that it scored as right name the gold option."""
    right = [(logged.answer, item) for logged, item in scored if logged.score == 1 and logged.answer]
    return learn_key_reading(right, labels)


@dataclass(slots=True)
class Disagreement:
    """Counts of responses that the harness and the parser read differently."""

    reading: KeyReading
    compared: int = 0
    """Responses with a score of the harness."""
    differently_scored: int = 0
    right: int = 0
    """Responses that the harness scored as right."""
    kinds: Counter[str] = field(default_factory=Counter)

    def label_of(self, logged: LoggedResponse, item: Item) -> str | None:
        """Return the label that the harness read; None: it read none, or what it read names no option."""
        if logged.score == 1:
            return item.gold
        return self.reading.label_of(logged.answer, item) if logged.answer and not logged.no_answer else None

    def add(self, logged: LoggedResponse, item: Item, grade: Grade | None) -> None:
        """Count a response; one that failed has no grade and is wrong here, whatever the harness made of it."""
        if logged.score is None:
            return
        self.compared += 1
        self.right += logged.score == 1
        self.differently_scored += logged.score != (grade is not None and grade.strict.correct)
        if grade is not None:
            self._compare(self.label_of(logged, item), logged, grade)

    def _compare(self, theirs: str | None, logged: LoggedResponse, grade: Grade) -> None:
        if theirs is None:
            # What is neither empty nor an option, such as a whole text, doesn't show which label the harness read.
            read_nothing = logged.no_answer or not (logged.answer or "").strip()
            self.kinds["only_lenient"] += read_nothing and grade.lenient.label is not None
        elif grade.strict.label is None:
            self.kinds["only_harness"] += 1
        else:
            self.kinds["other_label"] += theirs != grade.strict.label

    def note(self, tool: str, metric: str, parser: str) -> str:
        """Return the counts in words."""
        kinds = "; ".join(f"{words}: {self.kinds[kind]:,}" for kind, words in _KINDS.items() if self.kinds[kind])
        return (
            f"{tool}'s own {metric} is {self.right / self.compared:.1%} and differs from the strict grade (parser "
            f"{parser}) on {self.differently_scored:,} of {self.compared:,} responses{f' ({kinds})' if kinds else ''}"
        )
