"""Disease -> sign that its patients do not have."""

from __future__ import annotations

from collections import Counter
from functools import cached_property
from typing import ClassVar, Final

from training.synthesis.graph.findings import Finding
from training.synthesis.graph.kinds import Polarity
from training.synthesis.questions.draw import Draw
from training.synthesis.questions.options import candidates, choose
from training.synthesis.questions.question import Question, Refutation, Refuted
from training.synthesis.questions.shapes.shape import Shape
from training.synthesis.questions.source import QuestionSource

_PATIENTS: Final = 5
"""So few patients without a sign say nothing of the disease; a denial without a count is the curator's own."""

_FEATURE: Final = 0.1
"""A sign known to be rarer than this in a disease is no feature of it; of an unknown frequency it is."""


def firmly_excluded(finding: Finding) -> bool:
    """Return whether a finding denies a disease a sign by more than a few cases."""
    patients = finding.frequency.patients
    return finding.polarity == Polarity.EXCLUDED and (patients == 0 or patients >= _PATIENTS)


class Against(Shape):
    """Names a disease and asks which sign argues against it; the distractors are signs that it has."""

    name: ClassVar[str] = "against"
    share: ClassVar[float] = 0.1
    wordings: ClassVar[tuple[str, ...]] = (
        "Which of the following findings would argue against a diagnosis of {disease}?",
        "A patient is suspected to have {disease}. Which of these findings, if present, would speak against it?",
        "Which of these findings is not a feature of {disease}?",
        "All of the following are features of {disease}, except:",
    )

    def __init__(self, source: QuestionSource) -> None:
        super().__init__(source)
        self._by_disease: dict[int, list[int]] = {}

    @cached_property
    def subjects(self) -> list[int]:
        """Diseases that are firmly denied a sign and have at least four that others are denied."""
        table = self.source.signs
        return [
            disease
            for disease in table.diseases.tolist()
            if any(self._denies(each) for each in table.own(disease).values()) and len(self._features(disease)) >= 4
        ]

    def ask(self, subject: int, draw: Draw) -> Question | None:
        """Draw a question about a disease by name."""
        table, names, graph = self.source.signs, self.source.names, self.source.graph
        own, of_disease = table.own(subject), names.roots(subject)
        excluded = [each for each in own.values() if self._denies(each)]
        draw.shuffle(excluded)
        for answer in excluded:
            if of_disease.meet(names.roots(answer.sign)):
                continue
            pool = candidates(
                self._features(subject),
                lambda node: not (graph.related(node, answer.sign) or of_disease.meet(names.roots(node))),  # noqa: B023 - called at once
                draw,
            )
            if chosen := choose(answer.sign, pool, self.traits, self.balance, draw):
                return self._question(subject, answer, chosen, draw)
        return None

    def _question(self, subject: int, answer: Finding, chosen: list[int], draw: Draw) -> Question:
        names, own = self.source.names, self.source.signs.own(subject)
        return Question(
            shape=self.name,
            stem=draw.choice(self.wordings).format(disease=names.inline(subject)),
            answer=answer.sign,
            distractors=tuple(Refuted(sign, Refutation.PRESENT, own[sign].edges) for sign in chosen),
            stated=(),
            hidden=answer.edges,
            subject=subject,
            hops=1,
            closeness=0.0,
        )

    def _denies(self, finding: Finding) -> bool:
        return firmly_excluded(finding) and not self.source.signs.is_vague(finding.sign)

    def traits(self, number: int) -> tuple[float, ...]:
        """Return also how often a sign is denied: else the most often denied one would be the answer."""
        return (*super().traits(number), self._denied[number])

    def _features(self, disease: int) -> list[int]:
        """Return the signs of a disease that could be the answer to a question about another one."""
        if disease not in self._by_disease:
            self._by_disease[disease] = self._find_features(disease)
        return self._by_disease[disease]

    def _find_features(self, disease: int) -> list[int]:
        return [
            sign
            for sign, finding in self.source.signs.own(disease).items()
            if finding.polarity == Polarity.PRESENT and not finding.frequency.low < _FEATURE and sign in self._denied
        ]

    @cached_property
    def _denied(self) -> Counter[int]:
        """By how many diseases each sign is firmly denied."""
        table = self.source.signs
        return Counter(
            each.sign
            for disease in table.diseases.tolist()
            for each in table.own(disease).values()
            if self._denies(each)
        )
