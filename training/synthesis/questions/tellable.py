"""What a question can tell of a patient with a disease that it doesn't name."""

from __future__ import annotations

from collections import defaultdict
from functools import cached_property
from typing import Final, NamedTuple

import numpy as np

from training.synthesis.graph.findings import Finding
from training.synthesis.graph.kinds import Polarity, Relation
from training.synthesis.questions.names import Names
from training.synthesis.questions.sign_table import OFTEN, SignTable

FEWEST: Final = 4
"""Signs that a patient has at least."""
TELLING: Final = 2
"""Signs that the disease often has, and of which nothing is known of a distractor, to refute it."""
_SELDOM: Final = 0.3
"""A sign that is known to be rarer than this in a disease is not stated of its patient."""
_GENERAL: Final = 0.15
"""A sign that a larger share of all diseases has is no finding, but a chapter: abnormal heart morphology."""


class StatableSigns(NamedTuple):
    """The findings of one disease that can be stated: those that its patients often have, and the others."""

    often: tuple[Finding, ...]
    others: tuple[Finding, ...]

    @property
    def suffices(self) -> bool:
        """Whether a patient can be presented: enough signs, of which enough are telling."""
        return len(self.often) >= TELLING and len(self.often) + len(self.others) >= FEWEST


_NOTHING: Final = StatableSigns((), ())


class Tellable:
    """Each disease's findings that a question can state of a patient: annotated, not rare, not vague, not its name."""

    def __init__(self, signs: SignTable, names: Names) -> None:
        self._signs, self._names = signs, names
        self._found: dict[int, StatableSigns] = {}
        self._most = _GENERAL * len(signs.diseases)

    def of(self, disease: int) -> StatableSigns:
        """Return a disease's findings that can be stated."""
        found = self._found.get(disease)
        if found is None:
            found = self._found[disease] = self._statable(disease)
        return found

    @cached_property
    def subjects(self) -> list[int]:
        """The diseases of which a patient can be presented, ascending."""
        likely = [disease for disease, count in self._likely().items() if count >= TELLING]
        return [disease for disease in likely if self.of(disease).suffices and self._is_unique(disease)]

    @cached_property
    def by_sign(self) -> dict[int, list[int]]:
        """The subjects by each sign that can be stated of their patients."""
        found: dict[int, list[int]] = defaultdict(list)
        for disease in self.subjects:
            for each in (*self.of(disease).often, *self.of(disease).others):
                found[each.sign].append(disease)
        return dict(found)

    def _likely(self) -> dict[int, int]:
        """Return by disease how many signs it may often have: a quick look at the rows, before any rule."""
        graph, edges = self._signs.graph, self._signs.graph.edges
        rows = np.flatnonzero(
            (edges["relation"] == graph.relation_number(Relation.HAS_SIGN)) & (edges["polarity"] == Polarity.PRESENT)
        )
        diseases, signs = (graph.identity[edges[end][rows]].astype(np.int64) for end in ("subject", "object"))
        pairs, place, count = np.unique(diseases * len(graph) + signs, return_inverse=True, return_counts=True)
        often = np.bincount(place, edges["low"][rows] >= OFTEN)
        likely, counts = np.unique(pairs[(often > 0) | (count > 1)] // len(graph), return_counts=True)
        return dict(zip(likely.tolist(), counts.tolist(), strict=True))

    def _is_unique(self, disease: int) -> bool:
        """Return whether no other disease has all that can be stated of a disease."""
        statable = self.of(disease)
        having = sorted((self._signs.having(each.sign) for each in (*statable.often, *statable.others)), key=len)
        return len(having[0].intersection(*having[1:])) == 1

    def _statable(self, disease: int) -> StatableSigns:
        stated = [each for each in self._signs.own(disease).values() if self._may_be_stated(each)]
        if len(stated) < FEWEST:
            return _NOTHING
        own = self._names.roots(disease)
        found = [each for each in stated if not own.meet(self._names.roots(each.sign))]
        often = tuple(each for each in found if each.frequency.low >= OFTEN)
        return StatableSigns(often, tuple(each for each in found if not each.frequency.low >= OFTEN))

    def _may_be_stated(self, finding: Finding) -> bool:
        table = self._signs
        return (
            finding.polarity == Polarity.PRESENT
            and not finding.frequency.low < _SELDOM
            and table.spread(finding.sign) <= self._most
            and not table.is_vague(finding.sign)
        )
