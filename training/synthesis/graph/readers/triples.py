"""Tab-separated triples: any graph that says who is related to whom, one statement a line.

With a header, columns are found by their usual names (those of KGX, Hetionet, PrimeKG and plain triples are known):
subject, relation and object; optionally the types and names of both ends, negation, frequency, evidence, references.
Without one, a file has three columns. An id may carry its type before `::` (`Disease::DOID:4`). A table with ids and
types, but without relations, describes nodes. Lines that begin with `#` may state `# licence: ...`, `# release: ...`.

A type that is stated must be known, since it decides which questions are asked. Where none is stated, the id's
vocabulary, the relation or the kin (`is_a`) tells it, or the node is a `concept`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from training.synthesis.graph.builder import GraphBuilder
from training.synthesis.graph.frequency import UNKNOWN, Frequency, parse_frequency
from training.synthesis.graph.input_file import InputFile
from training.synthesis.graph.kinds import (
    ROLES,
    TYPE_NUMBERS,
    NodeType,
    Polarity,
    Predicate,
    Relation,
    node_type,
    predicate,
)
from training.synthesis.graph.nodes import Synonym
from training.synthesis.graph.readers.table import Table, read_rows
from training.synthesis.graph.readers.terms import type_of_id
from training.synthesis.graph.sources import UNSTATED, Source

_SUBJECTS: Final = (
    "subject head subject_id head_id source_id x_id from_id start start_id h source x from node1 entity1 s"
)
_OBJECTS: Final = "object tail object_id tail_id target_id y_id to_id end end_id t target y to node2 entity2 o"
_RELATIONS: Final = "relation predicate rel edge_type relation_type relationship metaedge edge edge_label r p property"
_ALIASES: Final = {
    "subject": _SUBJECTS,
    "object": _OBJECTS,
    "relation": _RELATIONS,
    "subject_type": "subject_type head_type x_type source_type subject_category from_type start_type type_subject",
    "object_type": "object_type tail_type y_type target_type object_category to_type end_type type_object",
    "subject_name": "subject_name head_name x_name source_name subject_label from_name start_name",
    "object_name": "object_name tail_name y_name target_name object_label to_name end_name",
    "negated": "negated polarity qualifier negation",
    "frequency": "frequency freq frequency_qualifier has_percentage",
    "evidence": "evidence evidence_code has_evidence evidence_text sentence",
    "reference": "reference references publications pmid pmids",
    "id": "id node_id identifier curie",
    "type": "type category node_type kind label_type",
    "name": "name label node_name",
    "synonyms": "synonym synonyms alias aliases",
    "xrefs": "xref xrefs same_as equivalent_identifiers dbxrefs",
}
_NEEDED: Final = ("subject", "relation", "object")
_DENIALS: Final = {
    "": False,
    "false": False,
    "0": False,
    "no": False,
    "present": False,
    "positive": False,
} | dict.fromkeys(("true", "1", "yes", "not", "excluded", "negative", "absent"), True)
_COMMENT: Final = re.compile(r"#\s*(licence|license|release|version|source|name|attribution)\s*[:=]\s*(.+)")


_CONCEPT: Final = TYPE_NUMBERS[NodeType.CONCEPT]
_Parsed = TypeVar("_Parsed")


class _End(NamedTuple):
    """One end of a triple as its row writes it; empty where nothing is written."""

    id: str
    type: str
    name: str


def read_triples(file: InputFile, builder: GraphBuilder) -> None:
    """Add a table of triples or of nodes. A row of an unknown type, or without an end, is a problem with its line."""
    start, stated = _comments(file.data)
    first, _, rest = file.data[start:].partition(b"\n")
    fields = first.decode(errors="replace").rstrip("\r").split("\t")
    header = _header(fields)
    line = file.line_at(start)
    licence = stated.get("licence") or stated.get("license") or UNSTATED.licence
    name = stated.get("source") or stated.get("name") or file.path.name
    release = stated.get("release") or stated.get("version") or ""
    source = Source(name, release, file.path.name, file.sha256, licence, stated.get("attribution", ""))
    if header is None and len(fields) == len(_NEEDED):
        table = read_rows(file, file.data[start:], list(_NEEDED), list(_NEEDED), line, builder.problems)
    elif header is None:
        shown = ", ".join(filter(None, fields))[:200] or "none: the file is empty"
        reason = f"no columns subject, relation and object, nor id and type, among {shown}"
        builder.problems.add(file.path, line, reason)
        return
    else:
        if repeated := _repeated(fields):
            builder.problems.add(file.path, line, f"two columns {repeated}: nothing of the table can be used")
            return
        table = read_rows(file, rest, header, [each for each in header if each in _ALIASES], line + 1, builder.problems)
    number = builder.source(source)
    if "subject" in table.columns:
        _Triples(table, builder).add(number)
    else:
        _add_nodes(table, builder)


def _comments(data: bytes) -> tuple[int, dict[str, str]]:
    """Return where the first line that is no comment begins, and what the comments state."""
    start, stated = 0, {}
    while data[start : start + 1] in {b"#", b"\n", b"\r"} and not re.match(rb"#\s*\w+\t", data[start : start + 200]):
        end = data.find(b"\n", start)
        found = _COMMENT.match(data[start : end if end >= 0 else None].decode(errors="replace").strip())
        if found:
            stated[found[1].lower()] = found[2]
        start = end + 1 if end >= 0 else len(data)
    return start, stated


def _header(fields: list[str]) -> list[str] | None:
    """Return the columns under the names used here, the rest under names of their own; None if it is no header."""
    plain = _plain(fields)
    named = {name: next((each for each in aliases.split() if each in plain), "") for name, aliases in _ALIASES.items()}
    if not (all(named[each] for each in _NEEDED) or (named["id"] and named["type"])):
        return None
    found = {column: name for name, column in named.items() if column}
    return [found.pop(column, f"column {place}") for place, column in enumerate(plain)]


def _plain(fields: list[str]) -> list[str]:
    return [re.sub(r"[^a-z0-9]+", "_", field.lower()).strip("_") for field in fields]


def _repeated(fields: list[str]) -> str:
    """Return the name of a column that would be read and that is there twice."""
    plain = _plain(fields)
    known = {alias for aliases in _ALIASES.values() for alias in aliases.split()}
    return next((name for name in plain if name in known and plain.count(name) > 1), "")


class _Triples:
    """The statements of a table on their way into the graph."""

    def __init__(self, table: Table, builder: GraphBuilder) -> None:
        self._table, self._builder = table, builder
        self._problems = builder.problems

    def add(self, source: int) -> None:
        """Add nodes and edges."""
        table, builder = self._table, self._builder
        predicates = self._parsed("relation", _predicate, Predicate(""))
        denied = self._parsed("negated", _is_denied, False)
        frequencies = self._parsed("frequency", _frequency, UNKNOWN)
        for end in ("subject", "object"):
            self._parsed(end, _identifier, "")
            self._parsed(f"{end}_type", _type, None)
        rows = self._table = table.rows()
        flipped = self._taken("relation", [each.flipped for each in predicates], np.bool_, False)
        excluded = self._taken("relation", [each.excluded for each in predicates], np.bool_, False)
        excluded = excluded ^ self._taken("negated", denied, np.bool_, False)
        excluded |= self._taken("frequency", [each.excluded for each in frequencies], np.bool_, False)
        first, second = self._nodes("subject", predicates), self._nodes("object", predicates)
        subject, target = np.where(flipped, second, first), np.where(flipped, first, second)
        relations = rows["relation"].taken([builder.relation(each.relation) for each in predicates], np.uint16)
        self._like_kin(subject, target, relations)
        builder.edges(
            len(rows.lines),
            subject=subject,
            relation=relations,
            object=target,
            polarity=np.where(excluded, Polarity.EXCLUDED, Polarity.PRESENT),
            **{
                name: self._taken("frequency", [each[place] for each in frequencies], np.float64, UNKNOWN[place])
                for place, name in enumerate(Frequency._fields)
            },
            **{name: self._texts(name) for name in ("evidence", "reference")},
            source=source,
            line=rows.lines,
        )

    def _parsed(self, name: str, parse: Callable[[str], _Parsed], empty: _Parsed) -> list[_Parsed]:
        return self._table.parsed(name, parse, empty, self._problems) if name in self._table.columns else []

    def _taken(self, name: str, results: Sequence[Any], kind: type[np.generic], default: Any) -> NDArray[Any]:
        if name not in self._table.columns:
            return np.full(len(self._table.lines), default, dtype=kind)
        return self._table[name].taken(results, kind)

    def _texts(self, name: str) -> NDArray[Any]:
        values = self._table[name].values if name in self._table.columns else []
        return self._taken(name, [self._builder.text(value.replace("|", ";")) for value in values], np.int32, 0)

    def _nodes(self, end: str, predicates: list[Predicate]) -> NDArray[np.int32]:
        """Return the node of each row at one end; equal ends are looked up once."""
        rows, columns = self._table, [end, f"{end}_type", f"{end}_name", "relation"]
        keys = np.zeros(len(rows.lines), dtype=np.int64)
        present = [name for name in columns if name in rows.columns]
        if f"{end}_type" in present and "" not in rows[f"{end}_type"].values:
            present.remove("relation")
        for name in present:
            keys = keys * (len(rows[name].values) + 1) + rows[name].codes
            keys = np.unique(keys, return_inverse=True)[1] if keys.max(initial=0) > 1 << 40 else keys
        _, first, inverse = np.unique(keys, return_index=True, return_inverse=True)
        numbers = []
        for row in first.tolist():
            given = _End(*(self._value(name, row) for name in columns[:3]))
            numbers.append(self._node(given, end, predicates[int(rows["relation"].codes[row])]))
        return np.array(numbers, dtype=np.int32)[inverse]

    def _value(self, name: str, row: int) -> str:
        column = self._table.columns.get(name)
        return column.values[int(column.codes[row])].strip() if column else ""

    def _node(self, given: _End, end: str, kind: Predicate) -> int:
        stated = node_type(given.type) if given.type else None
        role = ROLES.get(kind.relation)  # type: ignore[call-overload]
        place = int((end == "object") != kind.flipped)
        return add_node(self._builder, given, stated or (role[place] if role else None))

    def _like_kin(self, subject: NDArray[np.int32], target: NDArray[np.int32], relations: NDArray[Any]) -> None:
        """Give nodes without a type that of what they are a kind of, or of their kinds."""
        chosen = relations == self._builder.relation(Relation.IS_A)
        pairs = np.unique(np.stack([subject[chosen], target[chosen]], axis=1), axis=0).tolist()
        kinds = self._builder.nodes.types
        open_ends = {end for pair in pairs for end in pair if kinds[end] == _CONCEPT}
        while open_ends:
            before = len(open_ends)
            for one, other in pairs:
                if (kinds[one] == _CONCEPT) != (kinds[other] == _CONCEPT):
                    kinds[one] = kinds[other] = kinds[one] if kinds[other] == _CONCEPT else kinds[other]
                    open_ends -= {one, other}
            if len(open_ends) == before:
                return


def add_node(builder: GraphBuilder, given: _End, kind: NodeType | None) -> int:
    """Return the node of an end. A bare number is an id within its type; a bare name is a name, too."""
    node_id, name = given.id, given.name
    if "::" in node_id:
        before, _, local = node_id.partition("::")
        kind = kind or node_type(before)
        name = name or ("" if ":" in local or local.isdigit() else local)
    elif re.fullmatch(r"[A-Za-z][\w.-]*:\S+", node_id):
        kind = kind or type_of_id(node_id)
    elif node_id.isdigit():
        node_id = f"{kind or NodeType.CONCEPT}:{node_id}"
    else:
        name = name or (node_id if " " in node_id else node_id.replace("_", " "))
    return builder.node(node_id, kind or NodeType.CONCEPT, name)


def _add_nodes(table: Table, builder: GraphBuilder) -> None:
    problems = builder.problems
    table.parsed("id", _identifier, "", problems)
    table.parsed("type", _type, None, problems)
    rows = table.rows()

    def value(name: str, row: int) -> str:
        column = rows.columns.get(name)
        return column.values[int(column.codes[row])].strip() if column else ""

    for row in range(len(rows.lines)):
        given = _End(value("id", row), value("type", row), value("name", row))
        number = add_node(builder, given, node_type(given.type))
        synonyms = tuple(Synonym(each) for each in value("synonyms", row).split("|") if each)
        builder.nodes.describe(number, synonyms, tuple(each for each in value("xrefs", row).split("|") if each))


def _identifier(text: str) -> str:
    if not text.strip():
        raise ValueError("an empty id")
    before, colons, _ = text.partition("::")
    if colons and node_type(before) is None:
        raise ValueError(_unknown(before))
    return text


def _type(text: str) -> NodeType | None:
    kind = node_type(text.strip())
    if text.strip() and kind is None:
        raise ValueError(_unknown(text))
    return kind


def _unknown(text: str) -> str:
    return f"unknown type {text[:40]!r}; known are {', '.join(NodeType)} and their usual other names"


def _predicate(text: str) -> Predicate:
    kind = predicate(text)
    if not kind.relation:
        raise ValueError("an empty relation")
    return kind


def _is_denied(text: str) -> bool:
    if text.strip().lower() not in _DENIALS:
        raise ValueError(f"{text[:40]!r} is neither a negation nor its absence")
    return _DENIALS[text.strip().lower()]


def _frequency(text: str) -> Frequency:
    if re.fullmatch(r"0?\.\d+|[01]\.0*", text.strip()):
        return Frequency(float(text), float(text))
    return parse_frequency(text.strip())
