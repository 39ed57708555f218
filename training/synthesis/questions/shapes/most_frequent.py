"""Disease -> the sign that is more frequent than others of it."""

from __future__ import annotations

from collections import Counter
from functools import cached_property
from typing import ClassVar

from training.synthesis.graph.findings import Finding
from training.synthesis.graph.kinds import Polarity
from training.synthesis.questions.draw import Draw
from training.synthesis.questions.options import candidates, choose
from training.synthesis.questions.question import Question, Refutation, Refuted
from training.synthesis.questions.shapes.shape import Shape
from training.synthesis.questions.source import QuestionSource


class MostFrequent(Shape):
    """Names a disease and asks for its most frequent sign: the intervals of all distractors end below the answer's."""

    name: ClassVar[str] = "most_frequent"
    share: ClassVar[float] = 0.25
    wordings: ClassVar[tuple[str, ...]] = (
        "Which of the following findings is most frequent in patients with {disease}?",
        "Of these findings, which one do patients with {disease} have most often?",
        "In {disease}, which of these findings is the most common?",
    )

    def __init__(self, source: QuestionSource) -> None:
        super().__init__(source)
        self._findings: dict[int, tuple[list[Finding], list[Finding]]] = {}

    @cached_property
    def subjects(self) -> list[int]:
        """Diseases with a sign that is more frequent than at least four others."""
        return [disease for disease in self.source.signs.diseases.tolist() if self._answers(disease)]

    def ask(self, subject: int, draw: Draw) -> Question | None:
        """Draw a question about a disease by name."""
        names, graph = self.source.names, self.source.graph
        of_disease = names.roots(subject)
        answer = draw.choice(self._answers(subject))
        if of_disease.meet(names.roots(answer.sign)):
            return None
        rarer = {each.sign: each for each in self._known(subject) if each.frequency.high < answer.frequency.low}
        pool = candidates(
            list(rarer),
            lambda node: not (graph.related(node, answer.sign) or of_disease.meet(names.roots(node))),
            draw,
        )
        chosen = choose(answer.sign, pool, self.traits, self.balance, draw)
        if chosen is None:
            return None
        closest = max(rarer[sign].frequency.high for sign in chosen)
        return Question(
            shape=self.name,
            stem=draw.choice(self.wordings).format(disease=names.inline(subject)),
            answer=answer.sign,
            distractors=tuple(Refuted(sign, Refutation.LESS_FREQUENT, rarer[sign].edges) for sign in chosen),
            stated=(),
            hidden=answer.edges,
            subject=subject,
            hops=1,
            closeness=closest / answer.frequency.low,
        )

    def traits(self, number: int) -> tuple[float, ...]:
        """Return also how often a sign is among the more frequent ones of its disease."""
        return (*super().traits(number), self._share[number])

    def _known(self, disease: int) -> list[Finding]:
        """Return the findings of a disease whose frequency is stated."""
        return self._both(disease)[0]

    def _answers(self, disease: int) -> list[Finding]:
        """Return the findings that are more frequent than at least four others."""
        return self._both(disease)[1]

    def _both(self, disease: int) -> tuple[list[Finding], list[Finding]]:
        if disease not in self._findings:
            self._findings[disease] = self._find(disease)
        return self._findings[disease]

    def _find(self, disease: int) -> tuple[list[Finding], list[Finding]]:
        table = self.source.signs
        known = [
            each
            for each in table.own(disease).values()
            if each.polarity == Polarity.PRESENT and each.frequency.known and not table.is_vague(each.sign)
        ]
        ends = sorted(each.frequency.high for each in known)
        return known, [each for each in known if len(ends) >= 5 and ends[3] < each.frequency.low]

    @cached_property
    def _share(self) -> dict[int, float]:
        """The share of its annotations, one of two added to each side, in which a sign could be the answer."""
        answers: Counter[int] = Counter()
        stated: Counter[int] = Counter()
        for disease in self.subjects:
            answers.update(each.sign for each in self._answers(disease))
            stated.update(each.sign for each in self._known(disease))
        return {sign: (answers[sign] + 0.5) / (count + 1) for sign, count in stated.items()}
