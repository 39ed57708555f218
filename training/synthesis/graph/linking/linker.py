"""Links names in texts with nodes: by name, synonym, abbreviation, cross-reference, in any spelling and number.

A name that several nodes bear is ambiguous and says so. Abbreviations count only as they are written (`ALS`, not
`als`), since many are words; other names count in every spelling (`spelling.folded`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from training.synthesis.graph.graph import Graph
from training.synthesis.graph.identity import normal_id
from training.synthesis.graph.kinds import NodeType
from training.synthesis.graph.linking.spelling import folded
from training.synthesis.graph.nodes import EXACT

_WORD: Final = re.compile(r"[^\W_]+(?:['’]s\b)?")
_LONGEST: Final = 16
_LIKE_ABBREVIATION: Final = re.compile(r"[A-Z0-9][A-Za-z0-9/-]{0,6}\Z")


class Mention(NamedTuple):
    """A place in a text that names something: `text[start:end]`, and every node that it may mean, ascending."""

    start: int
    end: int
    nodes: tuple[int, ...]


class Linker:
    """The names of a graph's nodes of some types, or of all; only exact synonyms unless `loose`."""

    def __init__(self, graph: Graph, types: Iterable[NodeType] = tuple(NodeType), loose: bool = False) -> None:
        self._graph = graph
        self._names: dict[str, set[int]] = {}
        self._abbreviations: dict[str, set[int]] = {}
        self._ids: dict[str, set[int]] = {}
        self._longest_from: dict[str, int] = {}
        """By first word: the number of words of the longest name or abbreviation that begins with it."""
        for kind in dict.fromkeys(types):
            for number in graph.of_type(kind).tolist():
                self._add(number, loose)

    def link(self, name: str) -> tuple[int, ...]:
        """Return every node that a whole name or an id may mean, ascending: none, one, or several."""
        plain = name.strip()
        known = self._graph.find(plain)
        if known is not None:
            return (known,)
        found = self._abbreviations.get(plain) or self._names.get(folded(plain)) or self._ids.get(normal_id(plain))
        return tuple(sorted(found or ()))

    def mentions(self, text: str) -> Iterator[Mention]:
        """Yield what a text names, from left to right; of overlapping names only the longest one."""
        words = [(found.start(), found.end()) for found in _WORD.finditer(text)]
        keys = [folded(text[start:end]) for start, end in words]
        place = 0
        while place < len(words):
            most = min(self._longest_from.get(keys[place], 0), _LONGEST)
            taken = self._longest(text, words[place : place + most], keys[place : place + most]) if most else None
            if taken is None:
                place += 1
            else:
                count, nodes = taken
                yield Mention(words[place][0], words[place + count - 1][1], nodes)
                place += count

    def _longest(self, text: str, words: list[tuple[int, int]], keys: list[str]) -> tuple[int, tuple[int, ...]] | None:
        for count in range(len(keys), 0, -1):
            written = text[words[0][0] : words[count - 1][1]]
            if "." in written and re.search(r"\.\s", written):
                continue  # no name goes on in the next sentence
            found = self._abbreviations.get(written) or self._names.get(" ".join(keys[:count]))
            if found:
                return count, tuple(sorted(found))
        return None

    def _add(self, number: int, loose: bool) -> None:
        for name in self._graph.names(number):
            short = name.kind == "abbreviation" or (name.text.isupper() and _LIKE_ABBREVIATION.match(name.text))
            if not short and not (loose or name.scope == EXACT):
                continue
            key = folded(name.text)
            if short:
                self._abbreviations.setdefault(name.text, set()).add(number)
            elif key:
                self._names.setdefault(key, set()).add(number)
            first, words = key.partition(" ")[0], key.count(" ") + 1
            self._longest_from[first] = max(words, self._longest_from.get(first, 0))
        for xref in self._graph.xrefs(number):
            self._ids.setdefault(normal_id(xref), set()).add(number)
