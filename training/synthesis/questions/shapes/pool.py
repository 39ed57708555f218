"""Questions whose distractors are drawn out of a pool of nodes that the graph proves wrong."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from functools import cached_property
from itertools import islice
from typing import ClassVar, Final, NamedTuple

from training.synthesis.questions.draw import Draw
from training.synthesis.questions.even_draw import Case, EvenDraw
from training.synthesis.questions.question import DISTRACTORS, Question
from training.synthesis.questions.shapes.shape import Shape

_CASES: Final = 64_000
"""Cases that chances are found for; of a graph with more of them, those of the subjects that are drawn first."""
_NEW: Final = 0.25
"""The least part of a round's questions that are new. What is left behind it would no longer be even."""


class Ask(NamedTuple):
    """An answer to a question about a subject; `rival`: a second disease that the question names, or the same one."""

    answer: int
    rival: int


class PoolShape(Shape):
    """Draws an answer and its distractors by chances with which none is given away by what it is (`even_draw`)."""

    cases_of: ClassVar[str] = ""
    """The shape whose cases and chances these are; empty for a shape with its own."""

    @abstractmethod
    def asks(self, subject: int) -> Sequence[Ask]:
        """Return the answers that a question about a subject can have."""

    @abstractmethod
    def wrong(self, subject: int, ask: Ask) -> list[int]:
        """Return the nodes that are proven wrong."""

    @abstractmethod
    def written(self, case: Case, chosen: list[int], draw: Draw) -> Question | None:
        """Return the question with these distractors; None if there is none."""

    def questions(self, draw: Draw) -> Iterator[Question]:
        """Yield different questions, in rounds that ask about each subject once at most."""
        even = self.even
        while True:
            tried = new = 0
            for subject in draw.order(even.subjects):
                drawn = even.drawn(subject, draw)
                question = self.written(drawn.case, drawn.distractors, draw) if drawn else None
                if question:
                    tried += 1
                    if self.are_new([question]):
                        new += 1
                        yield question
            if new <= _NEW * tried:
                return

    @property
    def even(self) -> EvenDraw:
        """The chances of all cases."""
        # The same for every seed, and what takes longest of all: so they are found once for a graph.
        name = self.cases_of or self.name
        found = self.source.even_draws.get(name)
        if found is None:
            found = self.source.even_draws[name] = EvenDraw(list(islice(self._cases(name), _CASES)))
        return found

    def _cases(self, name: str) -> Iterator[Case]:
        weights = [self.source.weight(subject) for subject in self.subjects]
        for subject in Draw("cases", name).weighted_order(self.subjects, weights):
            for ask in self.asks(subject):
                wrong = self.wrong(subject, ask)
                if len(wrong) >= DISTRACTORS:
                    yield Case(subject, ask.answer, wrong, self.source.weight(subject), ask.rival)

    @cached_property
    @abstractmethod
    def subjects(self) -> Sequence[int]:
        """The nodes that a question of this shape can be about."""
