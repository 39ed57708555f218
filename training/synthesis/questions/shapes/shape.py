"""What every shape of question has in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from functools import cached_property
from typing import ClassVar

from training.synthesis.questions.draw import Draw
from training.synthesis.questions.options import Balance
from training.synthesis.questions.question import Question
from training.synthesis.questions.source import QuestionSource


class Shape(ABC):
    """One kind of question about one graph."""

    name: ClassVar[str]
    share: ClassVar[float]
    """The part of all questions that it gets unless shares are given, by how many a large graph has of it; 0 for one
    that is drawn only by name, as the words of its options alone score above chance."""
    query: ClassVar[str] = ""
    """What is asked after a vignette; empty for a shape that tells no findings of a patient."""
    wordings: ClassVar[tuple[str, ...]]
    """Templates of the question's text; each has the same fields."""

    def __init__(self, source: QuestionSource) -> None:
        self.source = source
        self.balance = Balance()
        self.used: set[int] = set()
        """What this round has asked about."""

    @cached_property
    @abstractmethod
    def subjects(self) -> Sequence[int]:
        """The nodes that a question of this shape can be about."""

    @abstractmethod
    def ask(self, subject: int, draw: Draw) -> list[Question]:
        """Draw a question about a subject, and perhaps others; none if this draw gives none that can be proven."""

    def listed(self, nodes: Sequence[int]) -> str:
        """Return the names of nodes as a list in a sentence; names may hold commas."""
        return "; ".join(self.source.names.inline(node) for node in nodes)

    def traits(self, number: int) -> tuple[float, ...]:
        """Return what of an option could give it away: see `options`."""
        name = self.source.names.shown(number)
        return (self.source.degree(number), len(name), name.count(",") + sum(map(str.isdigit, name)))
