"""Two diseases -> the sign that tells one from the other."""

from __future__ import annotations

from collections import Counter, defaultdict
from functools import cached_property
from typing import ClassVar, Final

import numpy as np

from training.synthesis.graph.kinds import Polarity, Relation
from training.synthesis.questions.draw import Draw
from training.synthesis.questions.even_draw import Case
from training.synthesis.questions.names import joined
from training.synthesis.questions.question import DISTRACTORS, Question, Refutation, Refuted
from training.synthesis.questions.shapes.findings import apart, not_rarer
from training.synthesis.questions.shapes.pool import Ask, PoolShape
from training.synthesis.questions.source import QuestionSource

_RIVALS: Final = 12
"""Diseases with which one disease is compared."""
_RAREST: Final = 10
_TIMES: Final = 2.0
"""By how many times a sign is more frequent, at the nearer ends of both intervals, to tell one disease from another."""


class Discriminating(PoolShape):
    """Names two diseases that share signs, and asks for a sign that the first one often has and the second one lacks,
    or has at most half as often.

    Each distractor is a sign that the second disease has at least as often as the first, or that the first one lacks.
    """

    name: ClassVar[str] = "discriminating"
    share: ClassVar[float] = 0.0
    wordings: ClassVar[tuple[str, ...]] = (
        "Which of these findings favors {disease} over {rival}?",
        "A patient may have {disease} or {rival}. Which of these findings points to {disease}?",
        "Which of the following findings supports a diagnosis of {disease} rather than {rival}?",
    )

    def __init__(self, source: QuestionSource) -> None:
        super().__init__(source)
        self._asks: dict[int, list[Ask]] = {}

    @cached_property
    def subjects(self) -> list[int]:
        """Diseases of which the frequencies of enough signs are known, one of them often."""
        table = self.source.signs
        return [disease for disease in self._known if len(self._known[disease]) > DISTRACTORS and table.often(disease)]

    def asks(self, subject: int) -> list[Ask]:
        """Return the signs that a disease often has, each with a disease that lacks it, or has it much more seldom."""
        found = self._asks.get(subject)
        if found is None:
            draw, often = Draw("rivals", subject), self.source.signs.often(subject)
            found = self._asks[subject] = [
                Ask(sign, rival)
                for rival in draw.sample(self._rivals(subject), _RIVALS)
                if len(self._refuted(subject, rival)) >= DISTRACTORS
                for sign in often
                if not self.source.signs.is_vague(sign) and self._against(subject, rival, sign)
            ]
        return found

    def _rivals(self, subject: int) -> list[int]:
        """Return diseases, none akin, that share at least two of the rarest signs of a disease, ascending."""
        rarest = sorted(self._known[subject], key=lambda sign: (len(self._by_sign[sign]), sign))[:_RAREST]
        shared = Counter(other for sign in rarest for other in self._by_sign[sign])
        others = (other for other, count in shared.items() if count > 1 and other != subject)
        related, are_kin = self.source.graph.related, self.source.kin.are
        return sorted(other for other in others if not (related(other, subject) or are_kin(other, subject)))

    def _against(self, subject: int, rival: int, sign: int) -> tuple[int, ...]:
        """Return the rows by which a sign that a disease often has speaks against its rival."""
        table = self.source.signs
        if self.source.firmly_lacks(rival, sign):
            return table.findings.deciding(rival, sign)
        theirs, ours = table.own(rival).get(sign), table.own(subject)[sign]
        if theirs is None or theirs.polarity != Polarity.PRESENT:
            return ()
        return theirs.edges if theirs.frequency.high * _TIMES <= ours.frequency.low else ()

    def wrong(self, subject: int, ask: Ask) -> list[int]:
        """Return the signs that don't favour the first disease."""
        named = joined(map(self.source.names.roots, (subject, ask.rival)))
        if named.meet(self.source.names.roots(ask.answer)):
            return []
        return apart(self.source, ask.answer, self._refuted(subject, ask.rival), named)

    def written(self, case: Case, chosen: list[int], draw: Draw) -> Question:
        """Return the question."""
        subject, rival, answer = case.subject, case.rival, case.answer
        table, names, refuted = self.source.signs, self.source.names, self._refuted(subject, rival)
        shared = sum(refuted[node].kind == Refutation.PRESENT for node in chosen)
        return Question(
            shape=self.name,
            stem=draw.choice(self.wordings).format(disease=names.inline(subject), rival=names.inline(rival)),
            answer=answer,
            distractors=tuple(refuted[node] for node in chosen),
            stated=(),
            hidden=(*table.own(subject)[answer].edges, *self._against(subject, rival, answer)),
            subject=subject,
            hops=2,
            closeness=shared / len(chosen),
        )

    def _refuted(self, subject: int, rival: int) -> dict[int, Refuted]:
        """Return the signs that don't favour the first disease, with the rows that say so."""
        table = self.source.signs
        ours, theirs = table.own(subject), table.own(rival)
        found: dict[int, Refuted] = {}
        denied = subject in self.source.denied
        for sign in theirs if denied else ours.keys() & theirs.keys():
            finding, own = theirs[sign], ours.get(sign)
            if finding.polarity != Polarity.PRESENT or table.is_vague(sign):
                continue
            if own is not None and own.polarity == Polarity.PRESENT and not_rarer(finding, own):
                found[sign] = Refuted(sign, Refutation.PRESENT, (*own.edges, *finding.edges))
            elif denied and self.source.firmly_lacks(subject, sign):
                edges = (*table.findings.deciding(subject, sign), *finding.edges)
                found[sign] = Refuted(sign, Refutation.EXCLUDED, edges)
        return dict(sorted(found.items()))

    @cached_property
    def _known(self) -> dict[int, list[int]]:
        """By disease its signs of known frequency."""
        table, edges = self.source.signs, self.source.graph.edges
        chosen = (edges["relation"] == self.source.graph.relation_number(Relation.HAS_SIGN)) & ~np.isnan(edges["low"])
        return {
            disease: [
                sign
                for sign, each in table.own(disease).items()
                if each.polarity == Polarity.PRESENT and each.frequency.known
            ]
            for disease in np.unique(self.source.graph.identity[edges["subject"][chosen]]).tolist()
        }

    @cached_property
    def _by_sign(self) -> dict[int, list[int]]:
        found = defaultdict(list)
        for disease, signs in self._known.items():
            for sign in signs:
                found[sign].append(disease)
        return dict(found)
