"""Signs that do not stand side by side in one patient: one a kind of the other, opposites, or two words for one thing.

An ontology gives opposites as two kinds of one abnormality (short stature and tall stature), and a disease may be
annotated with both, as different patients have them; one patient has not. Opposites are recognised by their names, of
which one part is at the other end of a scale: increased and decreased, hyper- and hypo-, mild and severe, -cytosis
and -penia. What holds of two signs holds for all kinds of them.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from functools import cached_property
from typing import Final

from training.synthesis.graph.graph import Graph
from training.synthesis.graph.kinds import NodeType
from training.synthesis.graph.nodes import EXACT
from training.synthesis.questions.names import Names

_SCALES: Final = (
    "increased elevated high raised excessive | decreased reduced low diminished",
    "high | low",
    "large enlarged big | small",
    "long tall prolonged | short shortened",
    "wide broad | narrow",
    "thick thickened | thin",
    "rapid accelerated advanced premature early precocious | slow delayed late",
    "prominent protruding | depressed receding sunken flat",
    "convex | concave",
    "upslanted upward upturned | downslanted downward downturned",
    "mild | moderate | severe | profound",
    "unilateral | bilateral",
    "acute | chronic",
    "early-onset infantile congenital neonatal | adult late-onset",
)
"""Words that take each other's place in names, by their places on a scale."""
_PARTS: Final = (
    (re.compile(r"\bhyper"), re.compile(r"\bhypo")),
    (re.compile(r"\bmacro"), re.compile(r"\bmicro")),
    (re.compile(r"\bpoly"), re.compile(r"\boligo")),
    (re.compile(r"\btachy"), re.compile(r"\bbrady")),
    (re.compile(r"(?:cyto|o)?(?:cytosis|philia)\b"), re.compile(r"(?:cyto|o)?penia\b")),
)
_WORD: Final = re.compile(r"[\w-]+")


def places_on_scales(name: str) -> Iterator[tuple[str, int]]:
    """Yield, for each part of a name that stands on a scale, the name without it and the part's place on the scale."""
    plain = name.casefold()
    for found in _WORD.finditer(plain):
        for scale, place in _BY_WORD.get(found[0], ()):
            yield f"{plain[: found.start()]}<{scale}>{plain[found.end() :]}", place
    for scale, patterns in enumerate(_PARTS, len(_SCALES)):
        for place, pattern in enumerate(patterns):
            if pattern.search(plain):
                yield pattern.sub(f"<{scale}>", plain), place


class Clashes:
    """Which signs of a graph are not stated of one patient together."""

    def __init__(self, graph: Graph, names: Names) -> None:
        self._graph, self._names = graph, names
        self._of: dict[int, tuple[frozenset[int], frozenset[int], frozenset[str]]] = {}

    def together(self) -> Together:
        """Return an empty set of signs that are stated together."""
        return Together(self)

    def about(self, sign: int) -> tuple[frozenset[int], frozenset[int], frozenset[str]]:
        """Return a sign with its ancestors, all their opposites, and the roots of its name's words."""
        found = self._of.get(sign)
        if found is None:
            upper = self._graph.ancestor_set(sign) | {sign}
            opposites = frozenset(other for each in upper for other in self._opposites.get(each, ()))
            found = self._of[sign] = upper, opposites, self._names.shown_roots(sign).starts
        return found

    @cached_property
    def _opposites(self) -> dict[int, set[int]]:
        by_rest: dict[str, dict[int, set[int]]] = defaultdict(lambda: defaultdict(set))
        for sign in self._graph.of_type(NodeType.SIGN).tolist():
            for name in self._graph.names(sign):
                if name.scope == EXACT:
                    for rest, place in places_on_scales(name.text):
                        by_rest[rest][place].add(sign)
        found: dict[int, set[int]] = defaultdict(set)
        for places in by_rest.values():
            for place, signs in places.items():
                others = set().union(*(theirs for other, theirs in places.items() if other != place))
                for sign in signs:
                    found[sign] |= others - signs
        return found


class Together:
    """Signs that are stated together."""

    def __init__(self, clashes: Clashes) -> None:
        self._clashes = clashes
        self._signs, self._upper, self._words = set[int](), set[int](), set[frozenset[str]]()

    def add(self, sign: int) -> bool:
        """Add a sign unless it clashes with one that is there; return whether it was added."""
        upper, opposites, words = self._clashes.about(sign)
        if sign in self._upper or not upper.isdisjoint(self._signs) or not opposites.isdisjoint(self._upper):
            return False
        if words in self._words:
            return False
        self._signs.add(sign)
        self._upper |= upper
        if words:
            self._words.add(words)
        return True


def _by_word() -> dict[str, list[tuple[int, int]]]:
    found: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for scale, text in enumerate(_SCALES):
        for place, words in enumerate(text.split("|")):
            for word in words.split():
                found[word].append((scale, place))
    return found


_BY_WORD: Final = _by_word()
