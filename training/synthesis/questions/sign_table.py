"""Which diseases have which signs, as rows of bits over all diseases: one row a sign.

Rows follow the rules of `graph.findings`: who has a sign has its ancestors, who lacks one lacks its descendants, and
what is stated both ways is neither. One rule is added for distractors, whose refutation may rest on silence: a disease
that is annotated with an ancestor of a sign may well have the sign, so that it is *open*, not silent, there.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from training.synthesis.graph.findings import Finding, Findings
from training.synthesis.graph.graph import Graph
from training.synthesis.graph.kinds import NodeType, Polarity, Relation

Bits = NDArray[np.uint8]
OFTEN: Final = 0.5
"""The least share of patients, at the lower end of its interval, with which a sign tells a disease from others."""


class SignTable:
    """Signs by disease of one graph.

    `diseases`: numbers of the nodes, ascending; a disease's place in it is its bit in every row.
    """

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.findings = Findings(graph)
        self.diseases = self.findings.diseases
        self._places = {int(disease): place for place, disease in enumerate(self.diseases)}
        self._signs = {int(sign): row for row, sign in enumerate(graph.of_type(NodeType.SIGN))}
        pairs = self._hierarchy()
        stated = {polarity: self._stated(polarity) for polarity in Polarity}
        present = _spread_up(stated[Polarity.PRESENT], pairs)
        below = _spread_down(stated[Polarity.PRESENT], pairs)
        excluded = _spread_down(stated[Polarity.EXCLUDED], pairs)
        both = stated[Polarity.CONFLICTING]
        unsure = _spread_up(both, pairs) | _spread_down(both, pairs) | (present & excluded)
        self._present = present & ~unsure
        self._excluded = excluded & ~unsure
        self._silent = ~(present | below | excluded | unsure)
        self._vague: dict[int, bool] = {}
        self._own: dict[int, dict[int, Finding]] = {}
        self._counts = np.bitwise_count(self._present).sum(axis=1, dtype=np.int32)

    def own(self, disease: int) -> dict[int, Finding]:
        """Return what is stated of a disease itself, by sign, without what other rows contradict by the rules above."""
        disease = int(self.graph.identity[disease])
        if disease not in self._own:
            stated = self.findings.of(disease).items()
            self._own[disease] = {sign: each for sign, each in stated if self._agrees(disease, each)}
        return self._own[disease]

    def often(self, disease: int) -> list[int]:
        """Return the signs that are stated of a disease itself with a frequency of at least `OFTEN`."""
        return [
            sign
            for sign, finding in self.own(disease).items()
            if finding.polarity == Polarity.PRESENT and finding.frequency.low >= OFTEN
        ]

    def place(self, disease: int) -> int:
        """Return a disease's place in `diseases`; raises `KeyError` for one without signs."""
        return self._places[disease]

    def spread(self, sign: int) -> int:
        """Return the number of diseases that have a sign or a kind of it."""
        return int(self._counts[self._signs[sign]])

    def is_vague(self, sign: int) -> bool:
        """Return whether a sign only names what is affected, and has kinds that say how: abnormal facial shape."""
        if sign not in self._vague:
            kinds = self.graph.name(sign).casefold().startswith("abnormal") and len(self.graph.descendants(sign)) > 0
            self._vague[sign] = kinds
        return self._vague[sign]

    def present(self, signs: list[int]) -> NDArray[np.bool_]:
        """Return by sign and disease whether the disease has the sign. Shape: signs x diseases."""
        return self._unpacked(self._present, signs)

    def excluded(self, signs: list[int]) -> NDArray[np.bool_]:
        """Return by sign and disease whether a row denies the disease the sign. Shape: signs x diseases."""
        return self._unpacked(self._excluded, signs)

    def silent(self, signs: list[int]) -> NDArray[np.bool_]:
        """Return by sign and disease whether no row states the sign, a kind or an ancestor of it, or denies it.

        Shape: signs x diseases.
        """
        return self._unpacked(self._silent, signs)

    def number_having_all(self, signs: list[int]) -> int:
        """Return how many diseases have every one of the signs."""
        rows = self._present[[self._signs[sign] for sign in signs]]
        return int(np.bitwise_count(np.bitwise_and.reduce(rows, axis=0)).sum())

    def _agrees(self, disease: int, finding: Finding) -> bool:
        rows = {Polarity.PRESENT: self._present, Polarity.EXCLUDED: self._excluded}.get(finding.polarity)
        place, row = self._places.get(disease), self._signs.get(finding.sign)
        return (
            rows is not None
            and place is not None
            and row is not None
            and bool(rows[row, place >> 3] << (place & 7) & 128)
        )

    def _unpacked(self, rows: Bits, signs: list[int]) -> NDArray[np.bool_]:
        chosen = rows[[self._signs[sign] for sign in signs]]
        return np.unpackbits(chosen, axis=1, count=len(self.diseases)).view(np.bool_)

    def _stated(self, polarity: Polarity) -> Bits:
        """Return the rows of what the file states with one polarity, without any rule."""
        graph, edges = self.graph, self.graph.edges
        chosen = (edges["relation"] == graph.relation_number(Relation.HAS_SIGN)) & (edges["polarity"] == polarity)
        subjects, objects = (graph.identity[edges[end][chosen]] for end in ("subject", "object"))
        rows = np.zeros((len(self._signs), (len(self.diseases) + 7) // 8), dtype=np.uint8)
        for subject, sign in set(zip(subjects.tolist(), objects.tolist(), strict=True)):
            place, row = self._places.get(subject), self._signs.get(sign)
            if place is not None and row is not None:
                rows[row, place >> 3] |= 128 >> (place & 7)
        return rows

    def _hierarchy(self) -> list[tuple[int, int]]:
        """Return the rows of parent and child of each `is_a` edge between signs; edges to a node before those from it.

        An ancestor has fewer ancestors than its descendants have, so their number gives the order.
        """
        graph, edges = self.graph, self.graph.edges
        chosen = (edges["relation"] == graph.relation_number(Relation.IS_A)) & (edges["polarity"] == Polarity.PRESENT)
        ends = (graph.identity[edges[end][chosen]].tolist() for end in ("object", "subject"))
        pairs = {
            (parent, child)
            for parent, child in zip(*ends, strict=True)
            if parent in self._signs and child in self._signs and parent != child
        }
        ordered = sorted(pairs, key=lambda pair: (len(graph.ancestor_set(pair[0])), pair))
        return [(self._signs[parent], self._signs[child]) for parent, child in ordered]


def _spread_up(rows: Bits, pairs: list[tuple[int, int]]) -> Bits:
    """Return the rows with, for each sign, all that stands in the rows of its kinds."""
    return _spread(rows, [(child, parent) for parent, child in reversed(pairs)])


def _spread_down(rows: Bits, pairs: list[tuple[int, int]]) -> Bits:
    """Return the rows with, for each sign, all that stands in the rows of its ancestors."""
    return _spread(rows, pairs)


def _spread(rows: Bits, pairs: list[tuple[int, int]]) -> Bits:
    """Add to the second row of each pair what the first has; one pass is enough unless a file has circles."""
    rows, before = rows.copy(), rows[:0]
    while not np.array_equal(before, rows):
        before = rows.copy()
        for source, target in pairs:
            rows[target] |= rows[source]
    return rows
