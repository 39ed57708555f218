"""Collects what the readers find, and makes the graph of it."""

from __future__ import annotations

from typing import Any

from training.synthesis.graph.edge_table import Columns, block, joined
from training.synthesis.graph.graph import Graph
from training.synthesis.graph.identity import conflicts_marked, identities
from training.synthesis.graph.kinds import TYPE_NUMBERS, NodeType
from training.synthesis.graph.nodes import NodeTable
from training.synthesis.graph.sources import Problems, Source


class GraphBuilder:
    """What has been read so far: nodes, blocks of edges, sources, problems."""

    def __init__(self, problems: Problems | None = None) -> None:
        self.nodes = NodeTable()
        self.problems = problems or Problems()
        self.sources: list[Source] = []
        self.relations: dict[str, int] = {}
        self._texts: dict[str, int] = {"": 0}
        self._blocks: list[Columns] = []

    def source(self, source: Source) -> int:
        """Return the number of a new source."""
        self.sources.append(source)
        return len(self.sources) - 1

    def relation(self, name: str) -> int:
        """Return the number of a relation."""
        return self.relations.setdefault(str(name), len(self.relations))

    def text(self, text: str) -> int:
        """Return the number of a text that many edges may share."""
        return self._texts.setdefault(text, len(self._texts))

    def node(self, node_id: str, kind: NodeType, name: str = "") -> int:
        """Return the number of a node, which is added if it is new."""
        return self.nodes.add(node_id, TYPE_NUMBERS[kind], name)

    def edges(self, rows: int, **columns: Any) -> None:
        """Add edges: of each column of `edge_table.COLUMNS` an array of `rows` values, or one value for all."""
        if rows:
            self._blocks.append(block(rows, columns))

    def build(self) -> Graph:
        """Return the graph: identities merged, contradictory rows marked."""
        edges = joined(self._blocks)
        identity = identities(self.nodes, edges, self.relations)
        conflicts_marked(edges, identity)
        return Graph(
            self.nodes, edges, identity, tuple(self.relations), tuple(self._texts), tuple(self.sources), self.problems
        )
