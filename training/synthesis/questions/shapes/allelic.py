"""Signs -> disease -> gene -> another disease of the gene."""

from __future__ import annotations

from functools import cached_property
from typing import ClassVar

from training.synthesis.graph.kinds import Relation
from training.synthesis.questions.shapes.contrast import Case, ContrastShape


class Allelic(ContrastShape):
    """Tells the signs of a patient and asks for another disease of the same gene.

    Each distractor is a disease of another gene, of which every disease is refuted by what is stated.
    """

    name: ClassVar[str] = "allelic"
    share: ClassVar[float] = 0.05
    hops: ClassVar[int] = 3
    query: ClassVar[str] = "Variants in the same gene can cause which other disorder?"
    wordings: ClassVar[tuple[str, ...]] = (
        "A patient has the following findings: {signs}. Variants in the same gene can cause which other disorder?",
        "The findings in a patient are: {signs}. Which of these disorders is due to variants in the gene that is most "
        "likely affected?",
        "On evaluation, a patient is found to have: {signs}. The disorder behind them shares its gene with which of "
        "the following?",
    )

    @cached_property
    def cases(self) -> dict[int, Case]:
        """Diseases of genes with several, each with one of the others; no name of one is like the other's."""
        source, presented = self.source, set(self.source.tellable.subjects)
        found = {}
        for diseases in source.single_genes.values():
            for place, disease in enumerate(diseases):
                others = [*diseases[place + 1 :], *diseases[:place]]
                other = next((each for each in others if source.are_two(disease, each)), None)
                if disease in presented and other is not None:
                    found[disease] = Case(disease, other, diseases)
        return dict(sorted(found.items()))

    def hidden(self, case: Case) -> tuple[int, ...]:
        """Return the edges of both diseases to their gene."""
        graph = self.source.graph
        return tuple(
            edge for each in (case.disease, case.option) for edge in graph.edges_from(each, Relation.HAS_GENE).tolist()
        )
