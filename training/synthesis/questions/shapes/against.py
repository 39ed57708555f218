"""Disease -> sign that its patients do not have."""

from __future__ import annotations

from functools import cached_property
from typing import ClassVar, Final

from training.synthesis.graph.kinds import Polarity
from training.synthesis.questions.draw import Draw
from training.synthesis.questions.even_draw import Case
from training.synthesis.questions.question import DISTRACTORS, Question, Refutation, Refuted
from training.synthesis.questions.shapes.findings import apart
from training.synthesis.questions.shapes.pool import Ask, PoolShape
from training.synthesis.questions.source import QuestionSource

_FEATURE: Final = 0.1
"""A sign known to be rarer than this in a disease is no feature of it; of an unknown frequency it is."""
_KINDS: Final = 12
"""Kinds of one denied sign that are asked for."""


class Against(PoolShape):
    """Names a disease and asks which sign argues against it; the distractors are signs that it has.

    A row that denies a disease a sign denies it every kind of the sign, too, so that a kind can be the answer as well.
    """

    name: ClassVar[str] = "against"
    share: ClassVar[float] = 0.0
    wordings: ClassVar[tuple[str, ...]] = (
        "Which of the following findings would argue against a diagnosis of {disease}?",
        "A patient is suspected to have {disease}. Which of these findings, if present, would speak against it?",
        "Which of these findings is not a feature of {disease}?",
        "All of the following are features of {disease}, except:",
    )

    def __init__(self, source: QuestionSource) -> None:
        super().__init__(source)
        self._asks: dict[int, list[Ask]] = {}

    @cached_property
    def subjects(self) -> list[int]:
        """Diseases that are firmly denied a sign and have at least four others."""
        return [
            disease
            for disease in self.source.denied
            if len(self._features(disease)) >= DISTRACTORS and self.asks(disease)
        ]

    def asks(self, subject: int) -> list[Ask]:
        """Return signs that are firmly denied of a disease, and kinds of them that another disease has."""
        found = self._asks.get(subject)
        if found is None:
            table, named = self.source.signs, self.source.names.roots(subject)
            signs = dict.fromkeys(
                sign
                for denied in self.source.denied[subject]
                for sign in (denied, *self.source.stated_kinds(denied)[:_KINDS])
                if table.lacks(subject, sign) and not named.meet(self.source.names.roots(sign))
            )
            found = self._asks[subject] = [Ask(sign, subject) for sign in signs]
        return found

    def wrong(self, subject: int, ask: Ask) -> list[int]:
        """Return the features of a disease."""
        return apart(self.source, ask.answer, self._features(subject), self.source.names.roots(subject))

    def written(self, case: Case, chosen: list[int], draw: Draw) -> Question:
        """Return the question."""
        subject, table = case.subject, self.source.signs
        own = table.own(subject)
        return Question(
            shape=self.name,
            stem=draw.choice(self.wordings).format(disease=self.source.names.inline(subject)),
            answer=case.answer,
            distractors=tuple(Refuted(sign, Refutation.PRESENT, own[sign].edges) for sign in chosen),
            stated=(),
            hidden=table.findings.deciding(subject, case.answer),
            subject=subject,
            hops=1,
            closeness=0.0,
        )

    def _features(self, disease: int) -> list[int]:
        table = self.source.signs
        return [
            sign
            for sign, finding in table.own(disease).items()
            if finding.polarity == Polarity.PRESENT
            and not finding.frequency.low < _FEATURE
            and not table.is_vague(sign)
        ]
