"""Diseases that are too much alike for silence to tell one from the other.

The graph may hold one disease under two names, from two vocabularies, without a cross-reference; and of the subtypes of
one disease (complementation groups of Fanconi anemia) each is annotated with what its own few reports mention. A
question whose distractor is such a disease, and is refuted by what no row says of it, would have two right answers.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray

from training.synthesis.graph.graph import Graph
from training.synthesis.graph.kinds import Relation
from training.synthesis.questions.names import roots

_ALIKE: Final = 0.6
"""The share of the roots of the shorter of two names that the other has, too, from which on they are alike."""


class Kin:
    """The kin of each disease: those of one of its genes, and those whose name is alike.

    `places`: the place of each disease in `SignTable.diseases`.
    """

    def __init__(self, graph: Graph, diseases: NDArray[np.int32]) -> None:
        self._graph, self._diseases = graph, diseases.tolist()
        self._places = {disease: place for place, disease in enumerate(self._diseases)}
        self._known: dict[int, NDArray[np.int64]] = {}

    def places(self, disease: int) -> NDArray[np.int64]:
        """Return the places of a disease's kin among all diseases, itself excluded."""
        if disease not in self._known:
            found = self._of_one_gene(disease) | self._of_one_name(disease)
            found.discard(self._places[disease])
            self._known[disease] = np.array(sorted(found), dtype=np.int64)
        return self._known[disease]

    def _of_one_gene(self, disease: int) -> set[int]:
        genes = self._graph.objects(disease, Relation.HAS_GENE).tolist()
        others = (other for gene in genes for other in self._graph.subjects(gene, Relation.HAS_GENE).tolist())
        return {self._places[other] for other in others if other in self._places}

    def _of_one_name(self, disease: int) -> set[int]:
        own = self._roots[self._places[disease]]
        shared = Counter(place for root in own for place in self._by_root[root])
        return {place for place, count in shared.items() if count >= _ALIKE * min(len(own), len(self._roots[place]))}

    @cached_property
    def _roots(self) -> list[frozenset[str]]:
        return [roots(self._graph.name(disease)).starts for disease in self._diseases]

    @cached_property
    def _by_root(self) -> dict[str, list[int]]:
        found: dict[str, list[int]] = defaultdict(list)
        for place, each in enumerate(self._roots):
            for root in each:
                found[root].append(place)
        return found
