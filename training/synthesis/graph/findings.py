"""What a disease's signs are, over all rows, merged identities and the true-path rule.

- A row that states a sign states each of its ancestors: who has a tonic seizure has a seizure.
- A row that excludes a sign excludes each of its descendants: who has no seizure has no tonic seizure.
- Nothing stated is unknown, not absent: the annotations are an open world.
- What is both stated and excluded, directly or by these two rules, is conflicting and used for nothing.
"""

from __future__ import annotations

from enum import StrEnum
from functools import cached_property
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from training.synthesis.graph.frequency import UNKNOWN, Frequency, counted
from training.synthesis.graph.graph import Graph
from training.synthesis.graph.kinds import Polarity, Relation

_POLARITIES: Final = {polarity.value: polarity for polarity in Polarity}


class State(StrEnum):
    """What the graph says of a disease and a sign."""

    PRESENT = "present"
    EXCLUDED = "excluded"
    CONFLICTING = "conflicting"
    UNKNOWN = "unknown"


class Finding(NamedTuple):
    """A disease and a sign: what its rows say together. `edges`: their numbers, ascending."""

    sign: int
    polarity: Polarity
    frequency: Frequency
    edges: tuple[int, ...]


class Findings:
    """The signs of each disease of a graph."""

    def __init__(self, graph: Graph, relation: str = Relation.HAS_SIGN) -> None:
        self._graph = graph
        self._relation = relation
        self._own: dict[int, dict[int, Finding]] = {}
        self._sets: dict[int, tuple[frozenset[int], frozenset[int]]] = {}

    @cached_property
    def diseases(self) -> NDArray[np.int32]:
        """The diseases with at least one sign that is stated and not conflicting, ascending."""
        edges = self._graph.edges
        chosen = edges["relation"] == self._graph.relation_number(self._relation)
        chosen &= edges["polarity"] == Polarity.PRESENT
        found: NDArray[np.int32] = np.unique(self._graph.identity[edges["subject"][chosen]])
        return found

    def of(self, disease: int) -> dict[int, Finding]:
        """Return what is stated of a disease itself, by sign: neither ancestors nor descendants."""
        disease = int(self._graph.identity[disease])
        if disease not in self._own:
            self._own[disease] = self._pooled(disease)
        return self._own[disease]

    def present(self, disease: int) -> frozenset[int]:
        """Return the signs that a disease has, with all their ancestors; none that is conflicting."""
        have, lack = self._closed(disease)
        unsure = {sign for sign, each in self.of(disease).items() if each.polarity == Polarity.CONFLICTING}
        if not lack and not unsure:
            return have
        return frozenset(sign for sign in have if sign not in unsure and not self._meets(sign, lack))

    def state(self, disease: int, sign: int) -> State:
        """Return what the rows, the closure and merged identities say of a disease and a sign."""
        sign = int(self._graph.identity[sign])
        own = self.of(disease).get(sign)
        if own is not None and own.polarity == Polarity.CONFLICTING:
            return State.CONFLICTING
        have, lack = self._closed(disease)
        stated, excluded = sign in have, self._meets(sign, lack)
        if stated and excluded:
            return State.CONFLICTING
        return State.PRESENT if stated else State.EXCLUDED if excluded else State.UNKNOWN

    def deciding(self, disease: int, sign: int) -> tuple[int, ...]:
        """Return the edges that `state` rests on: of the sign and its descendants if present, its ancestors if not."""
        graph, sign = self._graph, int(self._graph.identity[sign])
        wanted = {State.PRESENT: Polarity.PRESENT, State.EXCLUDED: Polarity.EXCLUDED}.get(self.state(disease, sign))
        if wanted is None:
            return ()
        upper = graph.ancestor_set(sign) | {sign}
        return tuple(
            edge
            for other, finding in self.of(disease).items()
            if finding.polarity == wanted
            and (other in upper if wanted == Polarity.EXCLUDED else other == sign or sign in graph.ancestor_set(other))
            for edge in finding.edges
        )

    def frequency(self, disease: int, sign: int) -> Frequency:
        """Return how often a disease has a sign or a kind of it: at least as often as the most frequent kind.

        The upper end is 1 where only kinds of the sign are annotated; unknown if none has a stated frequency.
        """
        sign = int(self._graph.identity[sign])
        own = self.of(disease).get(sign)
        direct = own.frequency if own is not None and own.polarity == Polarity.PRESENT else UNKNOWN
        kinds = [
            finding.frequency.low
            for other, finding in self.of(disease).items()
            if finding.polarity == Polarity.PRESENT and finding.frequency.known and other != sign
            if sign in self._graph.ancestor_set(other)
        ]
        if not kinds:
            return direct
        if direct.known and direct.low >= max(kinds):
            return direct
        return Frequency(max(kinds), max(direct.high, max(kinds)) if direct.known else 1.0)

    def same_signs(self) -> list[tuple[int, ...]]:
        """Return the sets of diseases that have the same signs, ancestors included: none has a unique question."""
        groups: dict[frozenset[int], list[int]] = {}
        for disease in self.diseases.tolist():
            if signs := self.present(disease):
                groups.setdefault(signs, []).append(disease)
        return [tuple(group) for group in groups.values() if len(group) > 1]

    def _closed(self, disease: int) -> tuple[frozenset[int], frozenset[int]]:
        """Return the signs stated of a disease with all ancestors, and those excluded by a row itself."""
        disease = int(self._graph.identity[disease])
        if disease not in self._sets:
            have: set[int] = set()
            lack: set[int] = set()
            for sign, finding in self.of(disease).items():
                if finding.polarity == Polarity.PRESENT:
                    have.add(sign)
                    have |= self._graph.ancestor_set(sign)
                elif finding.polarity == Polarity.EXCLUDED:
                    lack.add(sign)
            self._sets[disease] = frozenset(have), frozenset(lack)
        return self._sets[disease]

    def _meets(self, sign: int, lack: frozenset[int]) -> bool:
        return bool(lack) and (sign in lack or not lack.isdisjoint(self._graph.ancestor_set(sign)))

    @cached_property
    def _sorted(self) -> tuple[dict[str, NDArray[Any]], NDArray[np.int64]]:
        """The rows of the relation by disease, then sign; and where each node's rows begin."""
        graph = self._graph
        rows = np.flatnonzero(graph.edges["relation"] == graph.relation_number(self._relation))
        diseases, signs = (graph.identity[graph.edges[end][rows]] for end in ("subject", "object"))
        order = np.lexsort((rows, signs, diseases))
        columns = {name: graph.edges[name][rows[order]] for name in (*Frequency._fields, "polarity")}
        first = np.searchsorted(diseases[order], np.arange(len(graph) + 1))
        return columns | {"edge": rows[order], "sign": signs[order]}, first

    def _pooled(self, disease: int) -> dict[int, Finding]:
        columns, first = self._sorted
        part = slice(first[disease], first[disease + 1])
        signs, edges, polarities = (columns[name][part].tolist() for name in ("sign", "edge", "polarity"))
        stated = zip(*(columns[name][part].tolist() for name in Frequency._fields), strict=True)
        found: dict[int, Finding] = {}
        for sign, edge, polarity, given in zip(signs, edges, polarities, stated, strict=True):
            frequency, before = Frequency(*given), found.get(sign)
            if before is None:
                found[sign] = Finding(sign, _POLARITIES[polarity], frequency, (edge,))
            else:
                found[sign] = before._replace(edges=(*before.edges, edge))
        for sign, finding in found.items():
            if len(finding.edges) > 1:
                found[sign] = finding._replace(frequency=self._frequency(finding.edges))
        return found

    def _frequency(self, edges: tuple[int, ...]) -> Frequency:
        columns = [self._graph.edges[name] for name in Frequency._fields]
        stated = (Frequency(*(column[edge].item() for column in columns)) for edge in edges)
        return pooled([each for each in stated if each.known])


def pooled(stated: list[Frequency]) -> Frequency:
    """Return several statements as one: counts are added up, intervals of other notations are spanned with them."""
    counts = [each for each in stated if each.patients]
    others = [each for each in stated if not each.patients]
    if counts:
        total = counted(sum(each.affected for each in counts), sum(each.patients for each in counts))
        if not others:
            return total
        others = [*others, total]
    if not others:
        return UNKNOWN
    return Frequency(min(each.low for each in others), max(each.high for each in others))
