"""Which diseases have which signs, which they lack, and of which nothing is known.

The rules are those of `graph.findings`: who has a sign has its ancestors, who lacks one lacks its descendants, and what
is stated both ways is neither. One rule is added for distractors, whose refutation may rest on silence: a disease
that is annotated with an ancestor of a sign may well have the sign, so that it is *open*, not silent, there.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from training.synthesis.graph.findings import Finding, Findings
from training.synthesis.graph.graph import Graph
from training.synthesis.graph.kinds import NodeType, Polarity, Relation

OFTEN: Final = 0.5
"""The least share of patients, at the lower end of its interval, with which a sign tells a disease from others."""
_NONE: Final = frozenset[int]()


class Profile(NamedTuple):
    """The signs of one disease. `have`: what it has; `stated`: what a row or the true-path rule says that it has,
    contradicted or not; `lack`: what a row denies; `both`: what rows contradict; `known`: `stated` and `both` with all
    ancestors; `touched`: what any row is about.
    """

    have: frozenset[int]
    stated: frozenset[int]
    lack: frozenset[int]
    both: frozenset[int]
    known: frozenset[int]
    touched: frozenset[int]


class SignTable:
    """Signs by disease of one graph. `diseases`: numbers of the nodes, ascending."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.findings = Findings(graph)
        self.diseases = self.findings.diseases
        self._profiles: dict[int, Profile] = {}
        self._upper: dict[int, frozenset[int]] = {}
        self._having: dict[int, frozenset[int]] = {}
        self._vague: dict[int, bool] = {}
        self._own: dict[int, dict[int, Finding]] = {}

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

    def is_vague(self, sign: int) -> bool:
        """Return whether a sign only names what is affected, and has kinds that say how: abnormal facial shape."""
        if sign not in self._vague:
            kinds = self.graph.name(sign).casefold().startswith("abnormal") and len(self.graph.descendants(sign)) > 0
            self._vague[sign] = kinds
        return self._vague[sign]

    # One disease and one sign

    def has(self, disease: int, sign: int) -> bool:
        """Return whether a disease has a sign."""
        return sign in self.profile(disease).have

    def lacks(self, disease: int, sign: int) -> bool:
        """Return whether a row denies a disease a sign, or an ancestor of it."""
        profile = self.profile(disease)
        if not profile.lack or sign in profile.known:
            return False
        upper = self.upper(sign)
        return not upper.isdisjoint(profile.lack) and upper.isdisjoint(profile.both)

    def is_silent(self, disease: int, sign: int) -> bool:
        """Return whether no row states of a disease a sign, a kind or an ancestor of it, or denies it."""
        profile = self.profile(disease)
        return sign not in profile.known and self.upper(sign).isdisjoint(profile.touched)

    def upper(self, sign: int) -> frozenset[int]:
        """Return a sign with all its ancestors."""
        found = self._upper.get(sign)
        if found is None:
            found = self._upper[sign] = self.graph.ancestor_set(sign) | {sign}
        return found

    def profile(self, disease: int) -> Profile:
        """Return the signs of a disease, ancestors included; `disease` stands for itself (`Graph.identity`)."""
        found = self._profiles.get(disease)
        if found is None:
            found = self._profiles[disease] = self._profiled(disease)
        return found

    # One sign and all diseases

    def having(self, sign: int) -> frozenset[int]:
        """Return the diseases that have a sign or a kind of it."""
        found = self._having.get(sign)
        if found is None:
            keys, size = self._pairs, len(self.graph)
            first, last = np.searchsorted(keys, (sign * size, (sign + 1) * size))
            found = self._having[sign] = frozenset((keys[first:last] - sign * size).tolist())
        return found

    def spread(self, sign: int) -> int:
        """Return the number of diseases that have a sign or a kind of it."""
        return len(self.having(sign))

    # Made when first asked for

    def _agrees(self, disease: int, finding: Finding) -> bool:
        if self.graph.type(finding.sign) != NodeType.SIGN:
            return False
        if finding.polarity == Polarity.PRESENT:
            return self.has(disease, finding.sign)
        return finding.polarity == Polarity.EXCLUDED and self.lacks(disease, finding.sign)

    def _profiled(self, disease: int) -> Profile:
        by_polarity: dict[Polarity, set[int]] = {polarity: set() for polarity in Polarity}
        for sign, finding in self.findings.of(disease).items():
            by_polarity[finding.polarity].add(sign)
        own, lack, both = (frozenset(by_polarity[each]) for each in Polarity)
        stated, unsure = self._with_ancestors(own), self._with_ancestors(both)
        wrong = lack | both
        have = stated if not wrong else frozenset(s for s in stated if self.upper(s).isdisjoint(wrong)) - unsure
        return Profile(have, stated, lack, both, stated | unsure if unsure else stated, own | wrong)

    def _with_ancestors(self, signs: Iterable[int]) -> frozenset[int]:
        return frozenset().union(*map(self.upper, signs)) if signs else _NONE

    @cached_property
    def _pairs(self) -> NDArray[np.int64]:
        """Return a number for each sign and disease that has it, sign * nodes + disease, ascending."""
        graph, edges, size = self.graph, self.graph.edges, len(self.graph)
        of_relation = edges["relation"] == graph.relation_number(Relation.HAS_SIGN)
        doubtful = np.unique(graph.identity[edges["subject"][of_relation & (edges["polarity"] != Polarity.PRESENT)]])
        chosen = np.flatnonzero(of_relation & (edges["polarity"] == Polarity.PRESENT))
        diseases, signs = (graph.identity[edges[end][chosen]] for end in ("subject", "object"))
        plain = ~np.isin(diseases, doubtful)
        signs, place = np.unique(signs[plain], return_inverse=True)
        uppers = [self.upper(sign) for sign in signs.tolist()]
        counts = np.fromiter(map(len, uppers), dtype=np.int64, count=len(uppers))
        flat = np.fromiter((each for upper in uppers for each in upper), dtype=np.int64, count=int(counts.sum()))
        first = np.cumsum(counts) - counts
        of_row = counts[place]
        offsets = np.arange(int(of_row.sum())) - np.repeat(np.cumsum(of_row) - of_row, of_row)
        keys = flat[np.repeat(first[place], of_row) + offsets] * size + np.repeat(diseases[plain], of_row)
        pairs = [(sign, disease) for disease in doubtful.tolist() for sign in self.profile(disease).have]
        others = np.array([sign * size + disease for sign, disease in pairs], dtype=np.int64)
        found: NDArray[np.int64] = np.sort(np.concatenate((keys, others)))
        return found[np.diff(found, prepend=-1) > 0]  # `np.unique` is many times slower on so many
