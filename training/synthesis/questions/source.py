"""What all shapes draw their questions from: a graph, its signs by disease, its names, and the weights of its nodes."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Final, NamedTuple

import numpy as np

from training.synthesis.graph.findings import Finding
from training.synthesis.graph.graph import Graph
from training.synthesis.graph.kinds import NodeType, Polarity, Relation
from training.synthesis.questions.clashes import Clashes
from training.synthesis.questions.even_draw import EvenDraw
from training.synthesis.questions.kin import Kin
from training.synthesis.questions.names import Names
from training.synthesis.questions.sign_bits import SignBits
from training.synthesis.questions.sign_table import SignTable
from training.synthesis.questions.tellable import Tellable

_PATIENTS: Final = 5
"""So few patients without a sign say nothing of the disease; a denial without a count is the curator's own."""


def firmly_excluded(finding: Finding) -> bool:
    """Return whether a finding denies a disease a sign by more than a few cases."""
    patients = finding.frequency.patients
    return finding.polarity == Polarity.EXCLUDED and (patients == 0 or patients >= _PATIENTS)


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
        self._stated_kinds: dict[int, list[int]] = {}
        self.rows: dict[int, list[str]] = {}
        """Edges as rows of proofs, kept as many questions rest on one edge."""
        self.even_draws: dict[str, EvenDraw] = {}
        """By shape the chances of its cases."""
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
    def bits(self) -> SignBits:
        """The signs of patients as bits."""
        return SignBits(self.signs, self.tellable)

    @cached_property
    def kin(self) -> Kin:
        """The diseases that are too much alike."""
        return Kin(self.graph)

    @cached_property
    def clashes(self) -> Clashes:
        """The signs that are not stated together."""
        return Clashes(self.graph, self.names)

    @cached_property
    def denied(self) -> dict[int, list[int]]:
        """By disease the signs that its rows firmly deny it, vague ones left out."""
        table = self.signs
        edges = self.graph.edges
        chosen = (edges["relation"] == self.graph.relation_number(Relation.HAS_SIGN)) & (
            edges["polarity"] == Polarity.EXCLUDED
        )
        found = {}
        for disease in np.unique(self.graph.identity[edges["subject"][chosen]]).tolist():
            own = table.own(disease)
            signs = [sign for sign, each in own.items() if firmly_excluded(each) and not table.is_vague(sign)]
            if signs:
                found[disease] = signs
        return found

    def firmly_lacks(self, disease: int, sign: int) -> bool:
        """Return whether a row firmly denies a disease a sign or an ancestor of it."""
        denied = self.denied.get(disease)
        return denied is not None and not self.signs.upper(sign).isdisjoint(denied) and self.signs.lacks(disease, sign)

    def stated_kinds(self, sign: int) -> list[int]:
        """Return the kinds of a sign that a row states of some disease, vague ones left out, ascending."""
        found = self._stated_kinds.get(sign)
        if found is None:
            below = (each for each in self.graph.descendants(sign).tolist() if each in self._stated)
            found = self._stated_kinds[sign] = [each for each in below if not self.signs.is_vague(each)]
        return found

    @cached_property
    def _stated(self) -> frozenset[int]:
        edges = self.graph.edges
        chosen = (edges["relation"] == self.graph.relation_number(Relation.HAS_SIGN)) & (
            edges["polarity"] == Polarity.PRESENT
        )
        return frozenset(np.unique(self.graph.identity[edges["object"][chosen]]).tolist())

    @cached_property
    def single_genes(self) -> dict[int, tuple[int, ...]]:
        """By gene its diseases, of the genes whose diseases all have signs and no other gene."""
        graph, known = self.graph, set(self.signs.diseases.tolist())
        found = {}
        for gene in graph.of_type(NodeType.GENE).tolist():
            diseases = tuple(graph.subjects(gene, Relation.HAS_GENE).tolist())
            if known.issuperset(diseases) and all(len(graph.objects(d, Relation.HAS_GENE)) == 1 for d in diseases):
                found[gene] = diseases
        return found

    def are_two(self, one: int, other: int) -> bool:
        """Return whether two diseases of a gene are certainly two: held apart by one vocabulary and by name.

        Of two vocabularies one may describe the other's disease under a name of its own.
        """
        graph = self.graph
        same = graph.id(one).partition(":")[0] == graph.id(other).partition(":")[0]
        return same and not graph.related(one, other) and not self.kin.alike(one, other)

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
