"""The nodes of a graph while it is read, and afterwards."""

from __future__ import annotations

from typing import Final, NamedTuple

from training.synthesis.graph.kinds import TYPE_NUMBERS, NodeType

EXACT: Final = "exact"
SCOPES: Final = (EXACT, "narrow", "broad", "related")
_CONCEPT: Final = TYPE_NUMBERS[NodeType.CONCEPT]


class Synonym(NamedTuple):
    """Another name of a node. `scope`: exact, narrow, broad or related; `kind`: abbreviation, layperson, or empty."""

    text: str
    scope: str = EXACT
    kind: str = ""


class Node(NamedTuple):
    """What a graph knows of one node; `number` is its place in all arrays."""

    number: int
    id: str
    type: str
    name: str
    synonyms: tuple[Synonym, ...]
    xrefs: tuple[str, ...]
    obsolete: bool


class NodeTable:
    """Columns of nodes; a node that is named twice is one node."""

    def __init__(self) -> None:
        self.numbers: dict[str, int] = {}
        self.ids: list[str] = []
        self.names: list[str] = []
        self.types = bytearray()
        self.obsolete = bytearray()
        self.synonyms: dict[int, tuple[Synonym, ...]] = {}
        self.xrefs: dict[int, tuple[str, ...]] = {}
        self.replaced: dict[str, str] = {}
        """Retired id -> the id that stands for it (`replaced_by`, `alt_id`)."""
        self.consider: dict[str, tuple[str, ...]] = {}
        """Retired id -> ids that a person should consider; never followed by itself."""

    def add(self, node_id: str, type_number: int, name: str = "") -> int:
        """Return the number of a node, added if it is new; a name, and a type but `concept`, stay as first stated."""
        number = self.numbers.get(node_id)
        if number is None:
            number = self.numbers[node_id] = len(self.ids)
            self.ids.append(node_id)
            self.names.append(name)
            self.types.append(type_number)
            self.obsolete.append(0)
            return number
        if name and not self.names[number]:
            self.names[number] = name
        if self.types[number] == _CONCEPT:
            self.types[number] = type_number
        return number

    def describe(self, number: int, synonyms: tuple[Synonym, ...] = (), xrefs: tuple[str, ...] = ()) -> None:
        """Add synonyms and cross-references to a node, each once."""
        if synonyms:
            self.synonyms[number] = tuple(dict.fromkeys((*self.synonyms.get(number, ()), *synonyms)))
        if xrefs:
            self.xrefs[number] = tuple(dict.fromkeys((*self.xrefs.get(number, ()), *xrefs)))

    def current(self, node_id: str) -> str:
        """Follow `replaced_by` and `alt_id` to the id in use; a circle of replacements ends where it began."""
        seen = set()
        while node_id in self.replaced and node_id not in seen:
            seen.add(node_id)
            node_id = self.replaced[node_id]
        return node_id
