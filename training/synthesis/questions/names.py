"""Whether a question's text gives an option away: names, synonyms, and the roots of their words."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from functools import cached_property, lru_cache
from typing import Final, NamedTuple

from training.synthesis.graph.graph import Graph
from training.synthesis.graph.kinds import NodeType

_WORD: Final = re.compile(r"[^\W\d_]+")
_FIRST: Final = re.compile(r"(?:^|(?<=/))[A-Z][a-z]+(?![A-Z\d])")
"""A word at the start of a name, or after a stroke."""
_EPONYM: Final = re.compile(r"\w+(?:'s|-[A-Z]| (?:[Ss]yndrome|[Dd]isease|anomaly|sign)\b)")
"""A first word that may be a person's name, although it is a common word elsewhere: Young syndrome, Brown-Vialetto."""
_ROOT: Final = 6
"""Letters that two words must share, at the start of one of them, to have a root in common."""
_COMMON_WORDS: Final = """
abnormal abnormality absent acquired adult amino anomaly associated autosomal bilateral childhood chromosome
chronic classic combined complex congenital decreased defect deficiency deletion dependent development
developmental disease disorder distal dominant early elevated episodic familial female fetal finding formation
function generalized hereditary human impaired increased infantile infantile-onset inherited isolated juvenile
late level linked male maternal mild morphology multiple neonatal nonsyndromic onset partial paternal pattern
plasma progressive proximal recessive recurrent reduced related resistance secondary serum severe sporadic
susceptibility syndrome syndromic system transient tumor type unilateral variable variant with without
"""
_COMMON: Final = frozenset(_COMMON_WORDS.split())
"""Words of medical names that tell nothing of one disease."""


class Roots(NamedTuple):
    """What of a name's words is compared: their first letters, and every run of as many letters inside them."""

    starts: frozenset[str]
    runs: frozenset[str]

    def meet(self, other: Roots) -> bool:
        """Return whether a word of one name begins like a part of a word of the other: myopathy, cardiomyopathy."""
        return not (self.starts.isdisjoint(other.runs) and self.runs.isdisjoint(other.starts))


NOTHING: Final = Roots(frozenset(), frozenset())


@lru_cache(maxsize=1 << 17)
def roots(text: str) -> Roots:
    """Return the roots of a text's words, without words that many names share and those shorter than four letters."""
    starts: set[str] = set()
    runs: set[str] = set()
    for word in _WORD.findall(text.casefold()):
        if len(word) >= 4 and word not in _COMMON:
            starts.add(word[:_ROOT])
            runs.update(word[at : at + _ROOT] for at in range(max(1, len(word) - _ROOT + 1)))
    return Roots(frozenset(starts), frozenset(runs))


def joined(several: Iterable[Roots]) -> Roots:
    """Return the roots of several texts together."""
    each = list(several)
    return Roots(frozenset().union(*(r.starts for r in each)), frozenset().union(*(r.runs for r in each)))


class Names:
    """Names of a graph's nodes, and what gives them away."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._all: dict[int, Roots] = {}
        self._inline: dict[int, str] = {}

    def shown(self, number: int) -> str:
        """Return the name under which a node stands in a question."""
        if self._graph.type(number) == NodeType.CODE:  # its description is the answer
            return self._graph.id(number).partition(":")[2]
        return self._graph.name(number)

    def inline(self, number: int) -> str:
        """Return a node's name as it stands inside a sentence: a first word that is no proper name is not capitalized.

        A word is no proper name if the names of the graph write it in lower case more often than not, where it is not
        the first one, or if many names share it (`_COMMON`). One that stands nowhere else is taken for a proper name in
        diseases, and in nothing else.
        """
        found = self._inline.get(number)
        if found is None:
            found = self._inline[number] = self._inlined(number)
        return found

    def _inlined(self, number: int) -> str:
        name = self._graph.name(number)
        if _EPONYM.match(name):
            return name
        least = 1 if self._graph.type(number) == NodeType.DISEASE else 0
        return _FIRST.sub(lambda word: self._cased(word[0], least), name)

    def _cased(self, word: str, least: int) -> str:
        lower = word.lower()
        return lower if lower in _COMMON or self._lower[lower] >= least else word

    @cached_property
    def _lower(self) -> Counter[str]:
        """By how many names more a word, other than the first, is in lower case than capitalized."""
        found: Counter[str] = Counter()
        for number in range(len(self._graph)):
            for name in self._graph.names(number):
                for word in _WORD.findall(name.text)[1:]:
                    found[word.lower()] += 1 if word.islower() else -1
        return found

    def shown_roots(self, number: int) -> Roots:
        """Return the roots of the name under which a node stands in a question."""
        return roots(self._graph.name(number))

    def roots(self, number: int) -> Roots:
        """Return the roots of a node's name, all its synonyms and its eponyms."""
        if number not in self._all:
            self._all[number] = joined(roots(synonym.text) for synonym in self._graph.names(number))
        return self._all[number]
