"""Signs -> disease -> gene."""

from __future__ import annotations

from functools import cached_property
from typing import ClassVar

from training.synthesis.graph.kinds import NodeType, Relation
from training.synthesis.questions.shapes.contrast import Case, ContrastShape


class Gene(ContrastShape):
    """Tells the signs of a patient and asks for the gene of the disease, which is not named.

    A gene is a distractor if what is stated refutes every disease that the graph connects with it.
    """

    name: ClassVar[str] = "gene"
    share: ClassVar[float] = 0.15
    hops: ClassVar[int] = 2
    query: ClassVar[str] = "Which of these genes is most likely affected?"
    wordings: ClassVar[tuple[str, ...]] = (
        "A patient has the following findings: {signs}. Variants in which of these genes are the most likely cause?",
        "The findings in a patient are: {signs}. Which of these genes is most likely affected?",
        "A patient presents with {signs}. Which of the following genes most likely carries the causative variant?",
    )

    @cached_property
    def cases(self) -> dict[int, Case]:
        """Diseases of one gene, of which every disease has signs."""
        graph, known = self.source.graph, set(self.source.signs.diseases.tolist())
        presented = set(self.source.tellable.subjects)
        found = {}
        for gene in graph.of_type(NodeType.GENE).tolist():
            diseases = tuple(graph.subjects(gene, Relation.HAS_GENE).tolist())
            if known.issuperset(diseases):
                for disease in presented.intersection(diseases):
                    if len(graph.objects(disease, Relation.HAS_GENE)) == 1:
                        found[disease] = Case(disease, gene, diseases)
        return dict(sorted(found.items()))

    def hidden(self, case: Case) -> tuple[int, ...]:
        """Return the edges from the disease to its gene."""
        return tuple(self.source.graph.edges_from(case.disease, Relation.HAS_GENE).tolist())
