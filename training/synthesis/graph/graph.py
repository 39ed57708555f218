"""The typed graph: nodes, edges with their provenance, neighbours, ancestors.

Numbers of nodes stand for identities: `find`, `neighbours` and the rest give and take the number of the node that
stands for a set of merged nodes (`identity.py`), so that an OMIM and an ORPHA id of one disease are one answer. Edges
keep the numbers of the nodes that their file names; `Graph.identity` leads from those to the others.

An annotation of a disease with a sign holds for all ancestors of the sign, and says nothing of its descendants (the
true-path rule): `Findings` applies it.
"""

from __future__ import annotations

import hashlib
import json
from functools import cached_property
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from training.synthesis.graph.adjacency import Adjacency, Closure
from training.synthesis.graph.edge_table import SEXES, Columns
from training.synthesis.graph.frequency import Frequency
from training.synthesis.graph.kinds import NODE_TYPES, TYPE_NUMBERS, NodeType, Polarity, Relation
from training.synthesis.graph.nodes import Node, NodeTable, Synonym
from training.synthesis.graph.sources import Problems, Source

READER_VERSION: Final = 1
"""Raised whenever the same files give another graph."""

Numbers = NDArray[np.int32]
_SHORT: Final = ("subject", "relation", "object", "polarity", "source", "line")


class Edge(NamedTuple):
    """One row of a file: who says what of whom. subject, object, onset: node numbers; onset is -1 if unstated."""

    number: int
    subject: int
    relation: str
    object: int
    polarity: Polarity
    frequency: Frequency
    onset: int
    sex: str
    modifiers: tuple[str, ...]
    evidence: str
    references: tuple[str, ...]
    source: Source
    line: int

    @property
    def locator(self) -> str:
        """Where the row stands: `phenotype.hpoa:17`."""
        return f"{self.source.file}:{self.line}"


class Graph:
    """What was read, as arrays; `builder.GraphBuilder` makes one.

    `edges`: the columns of `edge_table.COLUMNS`; `identity`: for each node the node that stands for it.
    """

    def __init__(
        self,
        nodes: NodeTable,
        edges: Columns,
        identity: Numbers,
        relations: tuple[str, ...],
        texts: tuple[str, ...],
        sources: tuple[Source, ...],
        problems: Problems,
    ) -> None:
        self.edges, self.identity, self.relations = edges, identity, relations
        self.texts, self.sources, self.problems = texts, sources, problems
        self._nodes = nodes
        self._relation_numbers = {name: number for number, name in enumerate(relations)}
        self._types = np.frombuffer(bytes(nodes.types), dtype=np.uint8)

    def __len__(self) -> int:
        """Return the number of nodes, before merging."""
        return len(self._nodes.ids)

    @property
    def edge_count(self) -> int:
        """Return the number of edges, each a row of a file."""
        return len(self.edges["subject"])

    @cached_property
    def digest(self) -> str:
        """SHA-256 over the sources' checksums, the reader's version and what was left out: the graph's origin."""
        sources = [[each.name, each.release, each.file, each.sha256] for each in self.sources]
        left_out = sorted(self.problems.counts.items())
        return hashlib.sha256(json.dumps([READER_VERSION, sources, left_out]).encode()).hexdigest()

    # Nodes

    def find(self, node_id: str) -> int | None:
        """Return the number of the node with an id, or None; retired ids lead to those that replace them."""
        number = self._nodes.numbers.get(self._nodes.current(node_id))
        if number is None:
            number = self._nodes.numbers.get(node_id)
        return None if number is None else int(self.identity[number])

    def node(self, number: int) -> Node:
        """Return the node with a number, as its own file describes it."""
        nodes = self._nodes
        return Node(
            number,
            nodes.ids[number],
            NODE_TYPES[nodes.types[number]],
            nodes.names[number],
            nodes.synonyms.get(number, ()),
            nodes.xrefs.get(number, ()),
            bool(nodes.obsolete[number]),
        )

    def id(self, number: int) -> str:
        """Return a node's own id."""
        return self._nodes.ids[number]

    def name(self, number: int) -> str:
        """Return a node's name, or its id if it has none."""
        return self._nodes.names[number] or self._nodes.ids[number]

    def type(self, number: int) -> NodeType:
        """Return a node's type."""
        return NODE_TYPES[self._nodes.types[number]]

    def members(self, number: int) -> tuple[int, ...]:
        """Return all nodes that were merged into the one that stands for this node, itself first."""
        return self._members.get(int(self.identity[number]), (number,))

    def names(self, number: int) -> tuple[Synonym, ...]:
        """Return every name and synonym of a node and of those merged with it, each once; its own name first."""
        found: dict[str, Synonym] = {}
        for member in self.members(number):
            for each in (Synonym(self.name(member)), *self._nodes.synonyms.get(member, ())):
                found.setdefault(each.text, each)
        return tuple(found.values())

    def xrefs(self, number: int) -> tuple[str, ...]:
        """Return the ids of all merged nodes and their cross-references, each once."""
        members = self.members(number)
        refs = (ref for member in members for ref in self._nodes.xrefs.get(member, ()))
        return tuple(dict.fromkeys((*(self._nodes.ids[member] for member in members), *refs)))

    def consider(self, node_id: str) -> tuple[str, ...]:
        """Return what a person should consider in place of a retired id that nothing replaces."""
        return self._nodes.consider.get(node_id, ())

    def of_type(self, kind: NodeType) -> Numbers:
        """Return the nodes of a type that stand for themselves and are in use, in ascending order."""
        own = self.identity == np.arange(len(self), dtype=np.int32)
        in_use = np.frombuffer(bytes(self._nodes.obsolete), dtype=np.uint8) == 0
        return np.flatnonzero(own & in_use & (self._types == TYPE_NUMBERS[kind])).astype(np.int32)

    # Edges

    def relation_number(self, relation: str) -> int:
        """Return the number of a relation in the column `relation`; -1 if no edge has it."""
        return self._relation_numbers.get(relation, -1)

    def edge(self, number: int) -> Edge:
        """Return an edge with its attributes and its provenance."""
        row = {name: column[number].item() for name, column in self.edges.items()}
        split = [tuple(each for each in self.texts[row[key]].split(";") if each) for key in ("modifier", "reference")]
        return Edge(
            number,
            row["subject"],
            self.relations[row["relation"]],
            row["object"],
            Polarity(row["polarity"]),
            Frequency(row["low"], row["high"], row["affected"], row["patients"]),
            row["onset"],
            SEXES[row["sex"]],
            split[0],
            self.texts[row["evidence"]],
            split[1],
            self.sources[row["source"]],
            row["line"],
        )

    def row(self, number: int) -> list[str]:
        """Return an edge in short: subject id, relation, object id, polarity, file and line."""
        subject, relation, target, polarity, source, line = (self.edges[name][number].item() for name in _SHORT)
        ids, file = self._nodes.ids, self.sources[source].file
        return [ids[subject], self.relations[relation], ids[target], Polarity(polarity).name.lower(), f"{file}:{line}"]

    def edges_from(self, number: int, relation: str | None = None) -> NDArray[np.int64]:
        """Return the numbers of the edges whose subject is a node or one merged with it."""
        return self._out.rows(self.identity[number], self._asked(relation))

    def edges_to(self, number: int, relation: str | None = None) -> NDArray[np.int64]:
        """Return the numbers of the edges whose object is a node or one merged with it."""
        return self._in.rows(self.identity[number], self._asked(relation))

    def objects(self, number: int, relation: str | None = None, polarity: Polarity = Polarity.PRESENT) -> Numbers:
        """Return what a node is related to, each once, ascending; only edges of one polarity count."""
        return self._ends(self.edges_from(number, relation), "object", polarity)

    def subjects(self, number: int, relation: str | None = None, polarity: Polarity = Polarity.PRESENT) -> Numbers:
        """Return what is related to a node, each once, ascending; only edges of one polarity count."""
        return self._ends(self.edges_to(number, relation), "subject", polarity)

    # The hierarchy

    def ancestors(self, number: int) -> Numbers:
        """Return all that a node is a kind of, itself excluded, ascending. Circles in a file do no harm."""
        return self._closure.ancestors(int(self.identity[number]))

    def ancestor_set(self, number: int) -> frozenset[int]:
        """Return `ancestors` as a set, kept for the next time."""
        return self._closure.ancestor_set(int(self.identity[number]))

    def descendants(self, number: int) -> Numbers:
        """Return all kinds of a node, itself excluded, ascending."""
        return self._closure.descendants(int(self.identity[number]))

    def related(self, one: int, other: int) -> bool:
        """Say whether two nodes are one thing, or one is a kind of the other: no two answers to a question."""
        one, other = int(self.identity[one]), int(self.identity[other])
        return one == other or other in self._closure.ancestor_set(one) or one in self._closure.ancestor_set(other)

    # Made when first asked for

    @cached_property
    def _members(self) -> dict[int, tuple[int, ...]]:
        own = np.arange(len(self), dtype=np.int32)
        members: dict[int, list[int]] = {}
        for number in np.flatnonzero(self.identity != own).tolist():
            members.setdefault(int(self.identity[number]), []).append(number)
        return {kept: (kept, *others) for kept, others in members.items()}

    @cached_property
    def _out(self) -> Adjacency:
        return Adjacency(self.identity[self.edges["subject"]], self.edges["relation"], len(self), len(self.relations))

    @cached_property
    def _in(self) -> Adjacency:
        return Adjacency(self.identity[self.edges["object"]], self.edges["relation"], len(self), len(self.relations))

    @cached_property
    def _closure(self) -> Closure:
        chosen = self.edges["relation"] == self.relation_number(Relation.IS_A)
        chosen &= self.edges["polarity"] == Polarity.PRESENT
        children, parents = (self.identity[self.edges[end][chosen]] for end in ("subject", "object"))
        return Closure(children, parents, len(self))

    def _asked(self, relation: str | None) -> int | None:
        return None if relation is None else self.relation_number(relation)

    def _ends(self, rows: NDArray[np.int64], end: str, polarity: Polarity) -> Numbers:
        rows = rows[self.edges["polarity"][rows] == polarity]
        ends: Numbers = np.unique(self.identity[self.edges[end][rows]])
        return ends
