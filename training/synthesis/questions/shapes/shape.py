"""What every shape of question has in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from typing import ClassVar

from training.synthesis.questions.draw import Draw
from training.synthesis.questions.question import Question
from training.synthesis.questions.source import QuestionSource


class Shape(ABC):
    """One kind of question about one graph."""

    name: ClassVar[str]
    share: ClassVar[float]
    """The part of all questions that it gets unless shares are given, by how many a large graph has of it."""
    query: ClassVar[str] = ""
    """What is asked after a vignette; empty for a shape that tells no findings of a patient."""
    wordings: ClassVar[tuple[str, ...]]
    """Templates of the question's text; each has the same fields."""

    def __init__(self, source: QuestionSource) -> None:
        self.source = source
        self._keys: set[tuple[int, int, frozenset[int]]] = set()
        self._stems: set[str] = set()

    @abstractmethod
    def questions(self, draw: Draw) -> Iterator[Question]:
        """Yield different questions, until the graph has no more of them."""

    def are_new(self, questions: Sequence[Question]) -> bool:
        """Return whether none of some questions was there before; with other distractors it would be the same one."""
        keys = {(each.subject, each.answer, frozenset(each.stated or each.hidden)) for each in questions}
        stems = {each.stem for each in questions}
        if len(stems) < len(questions) or not (self._keys.isdisjoint(keys) and self._stems.isdisjoint(stems)):
            return False
        self._keys |= keys
        self._stems |= stems
        return True

    def listed(self, nodes: Sequence[int]) -> str:
        """Return the names of nodes as a list in a sentence; names may hold commas."""
        return "; ".join(self.source.names.inline(node) for node in nodes)
