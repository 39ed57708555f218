"""What all shapes draw their questions from: a graph, its signs by disease, its names, and the weights of its nodes."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import NamedTuple

from training.synthesis.graph.graph import Graph
from training.synthesis.questions.kin import Kin
from training.synthesis.questions.names import Names
from training.synthesis.questions.sign_table import SignTable
from training.synthesis.questions.tellable import Tellable


class Weights(NamedTuple):
    """How much more often a rare subject is drawn: its weight is degree^-degree_power * (1 + mentions)^-mention_power.

    The degree of a node is its number of edges, which stands for how much is known of it; `mentions` are those in a
    corpus. Powers of 0 draw all subjects alike.
    """

    degree_power: float = 0.5
    mention_power: float = 0.5


class QuestionSource:
    """One graph, ready to be asked about. `mentions`: how often a corpus names a node, by node id; absent: never."""

    def __init__(self, graph: Graph, weights: Weights | None = None, mentions: Mapping[str, int] | None = None) -> None:
        self.graph = graph
        self.names = Names(graph)
        self._degrees: dict[int, int] = {}
        self.rows: dict[int, list[str]] = {}
        """Edges as rows of proofs, kept as many questions rest on one edge."""
        self._weights = weights or Weights()
        self._mentions = {
            number: count for name, count in (mentions or {}).items() if (number := graph.find(name)) is not None
        }

    @cached_property
    def signs(self) -> SignTable:
        """The signs by disease."""
        return SignTable(self.graph)

    @cached_property
    def tellable(self) -> Tellable:
        """What can be stated of a patient with each disease."""
        return Tellable(self.signs, self.names)

    @cached_property
    def kin(self) -> Kin:
        """The diseases that are too much alike."""
        return Kin(self.graph, self.signs.diseases)

    def degree(self, number: int) -> int:
        """Return the number of edges of a node, in both directions."""
        if number not in self._degrees:
            self._degrees[number] = len(self.graph.edges_from(number)) + len(self.graph.edges_to(number))
        return self._degrees[number]

    def weight(self, number: int) -> float:
        """Return the weight with which a node is drawn as the subject of a question."""
        mentions = 1 + self._mentions.get(number, 0)
        return float(
            max(1, self.degree(number)) ** -self._weights.degree_power * mentions**-self._weights.mention_power
        )
