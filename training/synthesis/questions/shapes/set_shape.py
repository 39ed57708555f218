"""Questions that are drawn in sets, each about a subject of its own."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Final

from training.synthesis.questions.draw import Draw
from training.synthesis.questions.question import Question
from training.synthesis.questions.shapes.shape import Shape
from training.synthesis.questions.source import QuestionSource

_MISSES: Final = 4
"""After so many rounds without a new question about it a subject has no more."""


class SetShape(Shape):
    """Draws sets in rounds that ask about no subject twice."""

    def __init__(self, source: QuestionSource) -> None:
        super().__init__(source)
        self.used: set[int] = set()
        """The subjects of this round."""

    @cached_property
    @abstractmethod
    def subjects(self) -> Sequence[int]:
        """The nodes that a question of this shape can be about."""

    @abstractmethod
    def ask(self, subject: int, draw: Draw) -> list[list[Question]]:
        """Draw sets of questions about a subject and others; none if this draw gives none that can be proven."""

    def questions(self, draw: Draw) -> Iterator[Question]:
        """Yield different questions, set by set, rare subjects first by weight.

        A round ends after half of all subjects, as the last ones would have to be put together with each other. A
        subject that gave no new question for some rounds is drawn no more.
        """
        misses = dict.fromkeys(self.subjects, 0)
        while misses:
            self.used.clear()
            subjects = list(misses)
            for subject in draw.weighted_order(subjects, [self.source.weight(subject) for subject in subjects]):
                if 2 * len(self.used) > len(subjects):
                    break
                if subject in self.used:
                    continue
                found = False
                for questions in self.ask(subject, draw):
                    if self.are_new(questions):
                        found = True
                        yield from questions
                misses[subject] = 0 if found else misses[subject] + 1
                if misses[subject] == _MISSES:
                    del misses[subject]
