"""Diseases that are too much alike for silence to tell one from the other.

The graph may hold one disease under two names, from two vocabularies, without a cross-reference; and of the subtypes of
one disease (complementation groups of Fanconi anemia) each is annotated with what its own few reports mention. A
question whose distractor is such a disease, and is refuted by what no row says of it, would have two right answers.
"""

from __future__ import annotations

from typing import Final

from training.synthesis.graph.graph import Graph
from training.synthesis.graph.kinds import Relation
from training.synthesis.questions.names import roots

_ALIKE: Final = 0.6
"""The share of the roots of the shorter of two names that the other has, too, from which on they are alike."""


class Kin:
    """The kin of each disease: those of one of its genes, and those whose name is alike."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._known: dict[int, tuple[frozenset[int], frozenset[str]]] = {}

    def are(self, one: int, other: int) -> bool:
        """Return whether two diseases are kin."""
        return self.alike(one, other) or not self._of(one)[0].isdisjoint(self._of(other)[0])

    def alike(self, one: int, other: int) -> bool:
        """Return whether the names of two diseases are alike."""
        words, theirs = self._of(one)[1], self._of(other)[1]
        shared = len(words & theirs)
        return shared > 0 and shared >= _ALIKE * min(len(words), len(theirs))

    def _of(self, disease: int) -> tuple[frozenset[int], frozenset[str]]:
        found = self._known.get(disease)
        if found is None:
            genes = frozenset(self._graph.objects(disease, Relation.HAS_GENE).tolist())
            found = self._known[disease] = genes, roots(self._graph.name(disease)).starts
        return found
