"""Disease -> drug that is not for it: one that a curator has struck out, or one that is contraindicated."""

from __future__ import annotations

from functools import cached_property
from typing import ClassVar

from training.synthesis.graph.kinds import NodeType, Polarity, Relation
from training.synthesis.questions.draw import Draw
from training.synthesis.questions.even_draw import Case
from training.synthesis.questions.question import DISTRACTORS, Question, Refutation, Refuted
from training.synthesis.questions.shapes.pool import Ask, PoolShape


class NoIndication(PoolShape):
    """Names a disease and asks which drug is not indicated; a row states of each distractor that it is."""

    name: ClassVar[str] = "no_indication"
    share: ClassVar[float] = 0.05
    denied: ClassVar[tuple[Relation, Polarity]] = (Relation.TREATS, Polarity.EXCLUDED)
    wordings: ClassVar[tuple[str, ...]] = (
        "All of the following drugs are indicated in {disease}, except:",
        "Which of these drugs is not a treatment of {disease}?",
        "For which of the following drugs is {disease} not an indication?",
    )

    @cached_property
    def subjects(self) -> list[int]:
        """Diseases with a drug that is not for them, and at least four that are."""
        diseases = self.source.graph.of_type(NodeType.DISEASE).tolist() if self._has_rows else []
        return [each for each in diseases if self.asks(each) and len(self._indicated(each)) >= DISTRACTORS]

    def asks(self, subject: int) -> list[Ask]:
        """Return the drugs that are not for a disease."""
        relation, polarity = self.denied
        treating = set(self._indicated(subject))
        drugs = self.source.graph.subjects(subject, relation, polarity).tolist()
        return [Ask(drug, subject) for drug in drugs if drug not in treating]

    def wrong(self, subject: int, ask: Ask) -> list[int]:
        """Return the drugs that are for a disease."""
        related = self.source.graph.related
        return [drug for drug in self._indicated(subject) if not related(drug, ask.answer)]

    def written(self, case: Case, chosen: list[int], draw: Draw) -> Question:
        """Return the question."""
        subject, (relation, polarity) = case.subject, self.denied
        treats = (Relation.TREATS, Polarity.PRESENT)
        return Question(
            shape=self.name,
            stem=draw.choice(self.wordings).format(disease=self.source.names.inline(subject)),
            answer=case.answer,
            distractors=tuple(Refuted(d, Refutation.PRESENT, self._rows(d, subject, *treats)) for d in chosen),
            stated=(),
            hidden=self._rows(case.answer, subject, relation, polarity),
            subject=subject,
            hops=1,
            closeness=0.0,
        )

    @property
    def _has_rows(self) -> bool:
        return self.source.graph.relation_number(self.denied[0]) >= 0

    def _indicated(self, disease: int) -> list[int]:
        found: list[int] = self.source.graph.subjects(disease, Relation.TREATS).tolist()
        return found

    def _rows(self, drug: int, disease: int, relation: Relation, polarity: Polarity) -> tuple[int, ...]:
        graph = self.source.graph
        rows = set(graph.edges_to(disease, relation).tolist()).intersection(graph.edges_from(drug, relation).tolist())
        return tuple(sorted(row for row in rows if graph.edges["polarity"][row] == polarity))


class Contraindication(NoIndication):
    """Names a disease and asks which drug is contraindicated; each distractor is stated to be indicated."""

    name: ClassVar[str] = "contraindication"
    denied: ClassVar[tuple[Relation, Polarity]] = (Relation.CONTRAINDICATED_IN, Polarity.PRESENT)
    wordings: ClassVar[tuple[str, ...]] = (
        "Which of these drugs is contraindicated in patients with {disease}?",
        "A patient has {disease}. Which of the following drugs should be avoided?",
    )
