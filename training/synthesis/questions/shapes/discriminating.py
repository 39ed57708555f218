"""Two diseases -> the sign that tells one from the other."""

from __future__ import annotations

from collections import defaultdict
from functools import cached_property
from typing import ClassVar, Final

from training.synthesis.graph.findings import Finding, State
from training.synthesis.graph.kinds import Polarity
from training.synthesis.questions.draw import Draw
from training.synthesis.questions.names import joined
from training.synthesis.questions.options import DISTRACTORS, candidates, choose
from training.synthesis.questions.question import Question, Refutation, Refuted
from training.synthesis.questions.shapes.against import firmly_excluded
from training.synthesis.questions.shapes.shape import Shape
from training.synthesis.questions.source import QuestionSource

_PAIRS: Final = 6
"""Pairs of a sign and a rival that are tried for one question."""


class Discriminating(Shape):
    """Names two diseases that share signs, and asks for a sign that the first one often has and the second one lacks.

    Each distractor is a sign that the second disease has at least as often as the first, or that the first one lacks.
    """

    name: ClassVar[str] = "discriminating"
    share: ClassVar[float] = 0.05
    wordings: ClassVar[tuple[str, ...]] = (
        "Which of these findings favors {disease} over {rival}?",
        "A patient may have {disease} or {rival}. Which of these findings points to {disease}?",
        "Which of the following findings supports a diagnosis of {disease} rather than {rival}?",
    )

    def __init__(self, source: QuestionSource) -> None:
        super().__init__(source)
        self._pairs: dict[int, list[tuple[int, int]]] = {}

    @cached_property
    def subjects(self) -> list[int]:
        """Diseases that often have a sign which is firmly denied of another disease."""
        return [
            disease
            for disease in self.source.signs.diseases.tolist()
            if any(sign in self._lacking for sign in self.source.signs.often(disease))
        ]

    def ask(self, subject: int, draw: Draw) -> Question | None:
        """Draw a question about a disease and another one that lacks one of its signs."""
        if subject not in self._pairs:
            self._pairs[subject] = self._find_pairs(subject)
        for sign, rival in draw.sample(self._pairs[subject], _PAIRS):
            if question := self._about(subject, sign, rival, draw):
                return question
        return None

    def _find_pairs(self, subject: int) -> list[tuple[int, int]]:
        """Return the signs that a disease often has, each with the diseases that lack it and share enough others."""
        return [
            (sign, rival)
            for sign in self.source.signs.often(subject)
            for rival in self._lacking.get(sign, ())
            if len(self._refuted(subject, rival)) >= DISTRACTORS
        ]

    def _about(self, subject: int, sign: int, rival: int, draw: Draw) -> Question | None:
        table, names, graph = self.source.signs, self.source.names, self.source.graph
        if graph.related(rival, subject) or table.findings.state(rival, sign) != State.EXCLUDED:
            return None
        named = joined((*(each.text for each in graph.names(subject)), *(each.text for each in graph.names(rival))))
        refuted = self._refuted(subject, rival)
        if named.meet(names.roots(sign)):
            return None
        pool = candidates(
            list(refuted), lambda node: not (graph.related(node, sign) or named.meet(names.roots(node))), draw
        )
        chosen = choose(sign, pool, self.traits, self.balance, draw)
        if chosen is None:
            return None
        wording = draw.choice(self.wordings)
        shared = sum(refuted[node].kind == Refutation.PRESENT for node in chosen)
        return Question(
            shape=self.name,
            stem=wording.format(disease=names.inline(subject), rival=names.inline(rival)),
            answer=sign,
            distractors=tuple(refuted[node] for node in chosen),
            stated=(),
            hidden=(*table.own(subject)[sign].edges, *table.findings.deciding(rival, sign)),
            subject=subject,
            hops=2,
            closeness=shared / len(chosen),
        )

    def traits(self, number: int) -> tuple[float, ...]:
        """Return also how often a sign is denied: a sign that never is can't be the answer."""
        return (*super().traits(number), len(self._lacking.get(number, ())))

    def _refuted(self, subject: int, rival: int) -> dict[int, Refuted]:
        """Return the signs that don't favour the first disease, with the rows that say so."""
        table = self.source.signs
        ours, theirs = table.own(subject), table.own(rival)
        found: dict[int, Refuted] = {}
        for sign, finding in theirs.items():
            if finding.polarity != Polarity.PRESENT or sign not in self._lacking or table.is_vague(sign):
                continue
            own = ours.get(sign)
            if own is not None and own.polarity == Polarity.PRESENT and not_rarer(finding, own):
                found[sign] = Refuted(sign, Refutation.PRESENT, (*own.edges, *finding.edges))
            elif own is not None and firmly_excluded(own):
                found[sign] = Refuted(sign, Refutation.EXCLUDED, (*own.edges, *finding.edges))
        return found

    @cached_property
    def _lacking(self) -> dict[int, list[int]]:
        """The diseases of which each sign is firmly denied."""
        table, found = self.source.signs, defaultdict(list)
        for disease in table.diseases.tolist():
            for each in table.own(disease).values():
                if firmly_excluded(each) and not table.is_vague(each.sign):
                    found[each.sign].append(disease)
        return dict(found)


def not_rarer(one: Finding, other: Finding) -> bool:
    """Return whether a sign is stated to be at least as frequent as another, at both ends of their intervals."""
    return one.frequency.low >= other.frequency.low and one.frequency.high >= other.frequency.high
