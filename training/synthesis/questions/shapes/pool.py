"""Questions whose distractors are drawn out of a pool of nodes that the graph proves wrong."""

from __future__ import annotations

import re
from abc import abstractmethod
from collections.abc import Iterator, Sequence
from functools import cached_property
from itertools import accumulate, islice
from typing import Final, NamedTuple

from training.synthesis.questions.draw import Draw
from training.synthesis.questions.even_weights import Case, Weights, even_weights
from training.synthesis.questions.options import DISTRACTORS, SeenWords, choose
from training.synthesis.questions.question import Question
from training.synthesis.questions.shapes.shape import Shape
from training.synthesis.questions.source import QuestionSource

_WORD: Final = re.compile(r"\w+")
_PULL: Final = 8.0
"""By how many times the weights change at most for a node that was right, or wrong, too often."""
_TRIED: Final = 4
"""Answers of a subject that are tried for one question."""
_CASES: Final = 16_000
_ASKS: Final = 4
_WRONG: Final = 24
"""Cases, answers of each subject and distractors of each answer from which the weights are found."""


class Ask(NamedTuple):
    """An answer to a question about a subject; `rival`: a second disease that the question names, or the same one."""

    answer: int
    rival: int


class PoolShape(Shape):
    """Draws an answer and its distractors by weights with which none is given away by what it is (`even_weights`)."""

    def __init__(self, source: QuestionSource) -> None:
        super().__init__(source)
        self.seen = SeenWords()
        self._words: dict[int, frozenset[str]] = {}

    @abstractmethod
    def asks(self, subject: int) -> Sequence[Ask]:
        """Return the answers that a question about a subject can have."""

    @abstractmethod
    def wrong(self, subject: int, ask: Ask) -> list[int]:
        """Return the nodes that are proven wrong."""

    @abstractmethod
    def written(self, subject: int, ask: Ask, pool: list[int], draw: Draw) -> Question | None:
        """Return the question, with distractors chosen out of a pool; None if there is none."""

    def ask(self, subject: int, draw: Draw) -> list[Question]:
        """Draw a question about a subject."""
        weights = self.weights
        asks = [each for each in self.asks(subject) if each.answer in weights.answer]
        chances = [weights.answer[each.answer] / self._excess(each.answer) for each in asks]
        if draw.unit() >= sum(chances):
            return []
        for ask in draw.weighted_order(asks, chances)[:_TRIED]:
            pool = [node for node in self.wrong(subject, ask) if node in weights.distractor]
            question = self.written(subject, ask, pool, draw) if len(pool) >= DISTRACTORS else None
            if question:
                self.used.add(subject)
                return [question]
        return []

    def chosen(self, answer: int, pool: list[int], draw: Draw) -> list[int] | None:
        """Return the distractors out of a pool."""
        sums = list(accumulate(self.weights.distractor[node] * self._excess(node) for node in pool))
        found = choose(answer, pool, sums, self.traits, self.balance, draw)
        if found is not None:
            self.seen.count(self._tokens(answer), map(self._tokens, found))
        return found

    def traits(self, number: int) -> tuple[float, ...]:
        """Return also what the words of an option tell of it, by the questions so far."""
        return (*super().traits(number), self.seen.odds(self._tokens(number)))

    def _excess(self, number: int) -> float:
        """Return by how much a node was right too often so far: its odds, squared; near 1 if it was shown seldom."""
        odds = self.seen.odds((self.source.names.shown(number),))
        return min(max(odds * odds, 1 / _PULL), _PULL)

    def _tokens(self, number: int) -> frozenset[str]:
        """Return the words of an option and the option itself."""
        found = self._words.get(number)
        if found is None:
            name = self.source.names.shown(number)
            found = self._words[number] = frozenset((name, *_WORD.findall(name.casefold())))
        return found

    @cached_property
    def weights(self) -> Weights:
        """The weights of answers and distractors, found from a sample of subjects that the graph alone decides on."""
        # The same for every seed, and what takes longest of all: so they are found once for a graph.
        found = self.source.weights_of_shapes.get(self.name)
        if found is None:
            found = self.source.weights_of_shapes[self.name] = self._find_weights()
        return found

    def _find_weights(self) -> Weights:
        draw = Draw("weights", self.name)
        order = draw.weighted_order(self.subjects, [self.source.weight(subject) for subject in self.subjects])
        cases = (case for subject in order for case in self._cases(subject, draw))
        return even_weights(list(islice(cases, _CASES)))

    def _cases(self, subject: int, draw: Draw) -> Iterator[Case]:
        asks = self.asks(subject)
        sample = draw.sample(asks, _ASKS)
        for ask in sample:
            wrong = draw.sample(self.wrong(subject, ask), _WRONG)
            yield Case(subject, ask.answer, wrong, self.source.weight(subject), len(asks) / len(sample))
