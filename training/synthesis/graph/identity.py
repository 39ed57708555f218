"""Which nodes are one thing: replaced ids, equal names, exact synonyms, cross-references.

Two ids of one disease must not become two options of a question, so nodes of one type are merged

1. if one is the other's replacement (`replaced_by`, `alt_id`);
2. if their names are equal but for case, punctuation and spaces, in whatever vocabulary they stand;
3. if the name of one is an exact synonym of the other, in another vocabulary, and of no third node;
4. if one is the only node that names the other as a cross-reference.

Rules 3 and 4 never merge two ids of one vocabulary, as their makers hold them apart, nor a node with a kind of itself
(`is_a`): neither with each other, nor by way of a third node.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray

from training.synthesis.graph.edge_table import Columns
from training.synthesis.graph.kinds import TYPE_NUMBERS, NodeType, Polarity, Relation
from training.synthesis.graph.nodes import EXACT, NodeTable

_MERGED: Final = frozenset(
    TYPE_NUMBERS[kind]
    for kind in (NodeType.DISEASE, NodeType.SIGN, NodeType.GENE, NodeType.DRUG, NodeType.ANATOMY, NodeType.CONCEPT)
)
"""Types whose nodes are merged by name and cross-reference; codes, for one, are never one another."""
_PREFIXES: Final = {"MIM": "OMIM", "ORDO": "ORPHA", "ORPHANET": "ORPHA", "MSH": "MESH", "UMLS_CUI": "UMLS"}
_NO_WORD: Final = re.compile(r"[\W_]+")


def normal_name(name: str) -> str:
    """Return a name without case, punctuation and repeated spaces, for comparison."""
    plain = name.casefold()
    return plain if plain.replace(" ", "").isalnum() and "  " not in plain else _NO_WORD.sub(" ", plain).strip()


def normal_id(node_id: str) -> str:
    """Return an id with its prefix as it is usually written: `MIM:154700` and `OMIM:154700` are one id."""
    prefix, colon, local = node_id.partition(":")
    upper = prefix.upper()
    return f"{_PREFIXES.get(upper, upper)}{colon}{local}" if colon else node_id


def identities(nodes: NodeTable, edges: Columns, relations: dict[str, int]) -> NDArray[np.int32]:
    """Return for each node the number of the node that stands for it: the first one of its set that is in use."""
    groups = _Groups(nodes)
    for number, node_id in enumerate(nodes.ids):
        target = nodes.numbers.get(nodes.current(node_id))
        if target is not None and target != number:
            groups.join(target, number)
    several = _in_several_vocabularies(nodes)
    live = [n for n in range(len(nodes.ids)) if nodes.types[n] in _MERGED and not nodes.obsolete[n]]
    by_name: dict[tuple[int, str], list[int]] = defaultdict(list)
    for number in live:
        if name := normal_name(nodes.names[number]):
            by_name[nodes.types[number], name].append(number)
    for same in by_name.values():
        for other in same[1:]:
            groups.join(same[0], other)
    kin = _Kin(edges, relations)
    apart = [number for number in live if nodes.types[number] in several]
    for one, other in (*_by_synonym(nodes, by_name, apart), *_by_reference(nodes, apart)):
        groups.join_if_apart(one, other, kin)
    return groups.representatives()


def _in_several_vocabularies(nodes: NodeTable) -> set[int]:
    """Return the types of which more than one vocabulary has nodes: rules 3 and 4 can merge no others."""
    found: dict[int, set[str]] = defaultdict(set)
    for node_id, kind in zip(nodes.ids, nodes.types, strict=True):
        found[kind].add(node_id.partition(":")[0])
    return {kind for kind, vocabularies in found.items() if len(vocabularies) > 1}


def _by_synonym(
    nodes: NodeTable, by_name: dict[tuple[int, str], list[int]], live: list[int]
) -> Iterator[tuple[int, int]]:
    """Yield pairs of nodes of which one bears the other's name as an exact synonym that no third node has."""
    owners: dict[tuple[int, str], set[int]] = defaultdict(set)
    for number in live:
        for synonym in nodes.synonyms.get(number, ()):
            if synonym.scope == EXACT and synonym.kind != "abbreviation":
                owners[nodes.types[number], normal_name(synonym.text)].add(number)
    for key, owner in owners.items():
        named = by_name.get(key, ())
        if len(owner) == 1 and named:
            yield named[0], next(iter(owner))


def _by_reference(nodes: NodeTable, live: list[int]) -> Iterator[tuple[int, int]]:
    """Yield pairs of nodes of which one is the only one, of its vocabulary, with a cross-reference to the other."""
    targets = {normal_id(nodes.ids[number]): number for number in live}
    referring: dict[tuple[int, str], set[int]] = defaultdict(set)
    for number in live:
        for xref in nodes.xrefs.get(number, ()):
            target = targets.get(normal_id(xref))
            if target is not None and target != number and nodes.types[target] == nodes.types[number]:
                referring[target, _vocabulary(nodes.ids[number])].add(number)
    for (target, _), given in referring.items():
        if len(given) == 1:
            yield target, next(iter(given))


def _vocabulary(node_id: str) -> str:
    return normal_id(node_id).partition(":")[0]


class _Kin:
    """Says whether one node is a kind of another."""

    def __init__(self, edges: Columns, relations: dict[str, int]) -> None:
        chosen = edges["relation"] == relations.get(Relation.IS_A, -1)
        self._parents: dict[int, list[int]] = defaultdict(list)
        pairs = zip(edges["subject"][chosen].tolist(), edges["object"][chosen].tolist(), strict=True)
        for child, parent in pairs:
            self._parents[child].append(parent)

    def ancestors(self, number: int) -> set[int]:
        found: set[int] = set()
        ahead = [number]
        while ahead:
            for parent in self._parents.get(ahead.pop(), ()):
                if parent not in found:
                    found.add(parent)
                    ahead.append(parent)
        return found


class _Groups:
    """Sets of nodes that are one thing."""

    def __init__(self, nodes: NodeTable) -> None:
        self._nodes = nodes
        self._members: dict[int, list[int]] = {}
        self._group = list(range(len(nodes.ids)))

    def _of(self, number: int) -> list[int]:
        return self._members.get(self._group[number], [number])

    def join(self, one: int, other: int) -> None:
        kept, gone = self._group[one], self._group[other]
        if kept != gone:
            members = [*self._of(one), *self._of(other)]
            self._members.pop(gone, None)
            self._members[kept] = members
            for number in members:
                self._group[number] = kept

    def join_if_apart(self, one: int, other: int, kin: _Kin) -> None:
        """Join two sets unless they hold two ids of one vocabulary, or a node and a kind of it."""
        if self._group[one] == self._group[other]:
            return
        ours, theirs = self._of(one), self._of(other)
        words = {_vocabulary(self._nodes.ids[n]) for n in ours}
        if any(_vocabulary(self._nodes.ids[n]) in words for n in theirs):
            return
        if any(kin.ancestors(n) & set(theirs) for n in ours) or any(kin.ancestors(n) & set(ours) for n in theirs):
            return
        self.join(one, other)

    def representatives(self) -> NDArray[np.int32]:
        chosen = np.arange(len(self._group), dtype=np.int32)
        for members in self._members.values():
            chosen[members] = min(members, key=lambda number: (self._nodes.obsolete[number], number))
        return chosen


def conflicts_marked(edges: Columns, identity: NDArray[np.int32]) -> None:
    """Mark, in place, the edges whose relation another row about the same two things states the other way."""
    excluded = edges["polarity"] == Polarity.EXCLUDED
    if not excluded.any():
        return
    keys = pair_keys(edges, identity)
    denied = np.unique(keys[excluded])
    both = np.intersect1d(denied, keys[~excluded])
    edges["polarity"][np.isin(keys, both)] = Polarity.CONFLICTING


def pair_keys(edges: Columns, identity: NDArray[np.int32]) -> NDArray[np.int64]:
    """Return for each edge a number that is equal for edges of one relation between the same two things."""
    size = np.int64(len(identity))
    ends = identity[edges["subject"]].astype(np.int64) * size + identity[edges["object"]]
    return ends * np.int64(int(edges["relation"].max(initial=0)) + 1) + edges["relation"]
