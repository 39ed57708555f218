"""Signs -> disease -> gene."""

from __future__ import annotations

from functools import cached_property
from itertools import islice
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from training.synthesis.graph.kinds import NodeType, Relation
from training.synthesis.questions.draw import Draw
from training.synthesis.questions.options import CANDIDATES, choose
from training.synthesis.questions.presentation import Competitors, draw_presentation
from training.synthesis.questions.question import Question, Refuted
from training.synthesis.questions.shapes.shape import Shape


class Gene(Shape):
    """Tells the signs of a patient and asks for the gene of the disease, which is not named.

    A gene is a distractor if what is stated refutes every disease that the graph connects with it.
    """

    name: ClassVar[str] = "gene"
    share: ClassVar[float] = 0.2
    wordings: ClassVar[tuple[str, ...]] = (
        "A patient has the following findings: {signs}. Variants in which of these genes are the most likely cause?",
        "The findings in a patient are: {signs}. Which of these genes is most likely affected?",
        "A patient presents with {signs}. Which of the following genes most likely carries the causative variant?",
    )

    @cached_property
    def subjects(self) -> list[int]:
        """Diseases of one gene with enough signs to be presented."""
        graph = self.source.graph
        return [
            disease
            for disease in self.source.signs.diseases.tolist()
            if self.source.tellable.suffice(disease) and len(graph.objects(disease, Relation.HAS_GENE)) == 1
        ]

    def ask(self, subject: int, draw: Draw) -> Question | None:
        """Draw a question; a distractor's disease shares a sign with the patient's."""
        presentation = draw_presentation(self.source, subject, draw)
        if presentation is None:
            return None
        (answer,) = self.source.graph.objects(subject, Relation.HAS_GENE).tolist()
        competitors = Competitors(self.source, presentation)
        sharing = competitors.sharing(1 + draw.below(len(presentation.signs) - 2), self._with_gene)
        by_gene = self._distractors(competitors, sharing, answer, draw)
        chosen = choose(answer, list(by_gene), self.traits, self.balance, draw)
        if chosen is None:
            return None
        return Question(
            shape=self.name,
            stem=draw.choice(self.wordings).format(signs=self.listed(presentation.signs)),
            answer=answer,
            distractors=tuple(self._refute(competitors, gene) for gene in chosen),
            stated=presentation.edges,
            hidden=tuple(self.source.graph.edges_from(subject, Relation.HAS_GENE).tolist()),
            subject=subject,
            hops=2,
            closeness=competitors.closeness([by_gene[gene] for gene in chosen]),
        )

    def _distractors(self, competitors: Competitors, sharing: list[int], answer: int, draw: Draw) -> dict[int, int]:
        """Return genes all of whose diseases are refuted, each with one of them that shares signs with the patient."""
        found: dict[int, int] = {}
        stated, names = competitors.presentation.roots, self.source.names
        for disease in islice(draw.order(sharing), 3 * CANDIDATES):
            gene = draw.choice(self._genes[disease])
            if gene in (answer, *found) or stated.meet(names.roots(gene)):
                continue
            if competitors.refutes_all(self._diseases[gene]):
                found[gene] = disease
                if len(found) == CANDIDATES:
                    break
        return found

    def _refute(self, competitors: Competitors, gene: int) -> Refuted:
        """Return the refutations of all of a gene's diseases; the kind is that of the first."""
        each = [competitors.refute(disease, gene) for disease in self._diseases[gene]]
        return Refuted(gene, each[0].kind, tuple(dict.fromkeys(edge for one in each for edge in one.edges)))

    @cached_property
    def _diseases(self) -> dict[int, list[int]]:
        """The diseases of each gene, of those genes of which every disease has signs."""
        graph, known = self.source.graph, set(self.source.signs.diseases.tolist())
        found = {}
        for gene in graph.of_type(NodeType.GENE).tolist():
            diseases = graph.subjects(gene, Relation.HAS_GENE).tolist()
            if diseases and known.issuperset(diseases):
                found[gene] = diseases
        return found

    @cached_property
    def _genes(self) -> dict[int, list[int]]:
        found: dict[int, list[int]] = {}
        for gene, diseases in self._diseases.items():
            for disease in diseases:
                found.setdefault(disease, []).append(gene)
        return found

    @cached_property
    def _with_gene(self) -> NDArray[np.bool_]:
        return np.isin(self.source.signs.diseases, list(self._genes))
