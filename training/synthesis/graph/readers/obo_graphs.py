"""OBO Graphs in JSON: the same terms as in OBO, under their web addresses.

Source: https://github.com/geneontology/obographs. JSON has no lines of its own: an edge's line is that of its `sub`, a
term's that of its `id`, which tells something in files that are written a field a line, as ontologies are.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator
from typing import Any, Final

import orjson

from evalsuite.errors import ErrorCode
from evalsuite.util.jsonl import RepeatedKeyError, refuse_repeated_keys
from training.synthesis.graph.builder import GraphBuilder
from training.synthesis.graph.input_file import InputFile
from training.synthesis.graph.nodes import SCOPES, Synonym
from training.synthesis.graph.readers.obo import known_terms
from training.synthesis.graph.readers.terms import Statement, Term, add_terms
from training.synthesis.graph.sources import Source

_NAMESPACE: Final = "hasOBONamespace"
_KEY: Final = re.compile(r'"(id|sub)"\s*:\s*"((?:[^"\\]|\\.)*)"')


def read_obo_graphs(file: InputFile, builder: GraphBuilder) -> None:
    """Add every graph of a file. A node or an edge that lacks what it needs is a problem with its line."""
    text = file.text()
    try:
        content = orjson.loads(text)
        refuse_repeated_keys(text)
    except orjson.JSONDecodeError as error:
        builder.problems.add(file.path, error.lineno, f"not JSON ({error.msg})", ErrorCode.DATA_UNREADABLE)
        return
    except RepeatedKeyError as error:
        builder.problems.add(file.path, error.line, str(error), ErrorCode.DATA_UNREADABLE)
        return
    graphs = content.get("graphs") if isinstance(content, dict) else None
    if not isinstance(graphs, list) or not all(isinstance(graph, dict) for graph in graphs):
        builder.problems.add(file.path, 1, "not OBO Graphs: no list `graphs` of objects", ErrorCode.DATA_UNREADABLE)
        return
    lines = _Lines(text)
    for graph in graphs:
        name = curie(_text(graph.get("id"))) or file.path.name
        meta = _object(graph.get("meta"))
        terms = known_terms(name.rsplit("/obo/", 1)[-1])
        source = Source(name, _text(meta.get("version")), file.path.name, file.sha256, *terms)
        found = list(_terms(graph, file, builder, lines))
        if not found:
            builder.problems.add(file.path, 1, "a graph without a term")
        add_terms(builder, found, builder.source(source))


def curie(address: str) -> str:
    """Return a term's id for its web address: `http://purl.obolibrary.org/obo/DOID_4` is `DOID:4`."""
    last = re.split(r"[/#]", address)[-1]
    found = re.fullmatch(r"([A-Za-z][A-Za-z.]*)_(\w+)", last) if "/" in address else None
    return f"{found[1]}:{found[2]}" if found else address


class _Lines:
    """Where each id, and each edge in turn, stands."""

    def __init__(self, text: str) -> None:
        ends = [found.start() for found in re.finditer("\n", text)]
        self.ids: dict[str, int] = {}
        self.edges: list[int] = []
        for found in _KEY.finditer(text):
            line = bisect_left(ends, found.start()) + 1
            if found[1] == "sub":
                self.edges.append(line)
            else:
                self.ids.setdefault(found[2], line)


def _terms(graph: dict[str, Any], file: InputFile, builder: GraphBuilder, lines: _Lines) -> Iterator[Term]:
    statements = _statements(graph, file, builder, lines)
    for number, node in enumerate(_list(graph.get("nodes"))):
        address = node.get("id") if isinstance(node, dict) else None
        if not isinstance(address, str) or not address:
            builder.problems.add(file.path, 1, f"node {number} of the graph has no `id`")
        elif node.get("type", "CLASS") == "CLASS":
            yield _term(node, address, lines.ids.get(address, 1), tuple(statements.get(curie(address), ())))


def _statements(
    graph: dict[str, Any], file: InputFile, builder: GraphBuilder, lines: _Lines
) -> dict[str, list[Statement]]:
    stated: dict[str, list[Statement]] = {}
    edges = _list(graph.get("edges"))
    places, lines.edges = lines.edges[: len(edges)], lines.edges[len(edges) :]
    for number, edge in enumerate(edges):
        line = places[number] if number < len(places) else 1
        ends = [_text(_object(edge).get(key)) for key in ("sub", "pred", "obj")]
        if not all(ends):
            builder.problems.add(file.path, line, f"edge {number} of the graph lacks `sub`, `pred` or `obj`")
            continue
        subject, relation, target = ends
        stated.setdefault(curie(subject), []).append(Statement(relation, curie(target), line))
    return stated


def _term(node: dict[str, Any], address: str, line: int, statements: tuple[Statement, ...]) -> Term:
    meta = _object(node.get("meta"))
    definition = _object(meta.get("definition"))
    values: dict[str, list[str]] = {}
    for each in _list(meta.get("basicPropertyValues")):
        values.setdefault(re.split(r"[/#]", _text(_object(each).get("pred")))[-1], []).append(
            curie(_text(_object(each).get("val")))
        )
    return Term(
        curie(address),
        _text(node.get("lbl")),
        line,
        next(iter(values.get(_NAMESPACE, ())), ""),
        _text(definition.get("val")),
        line,
        tuple(synonym for each in _list(meta.get("synonyms")) if (synonym := _synonym(_object(each))).text),
        tuple((ref, line) for each in _list(meta.get("xrefs")) if (ref := _text(_object(each).get("val")))),
        statements,
        tuple(values.get("hasAlternativeId", ())),
        tuple(values.get("IAO_0100001", ())),
        tuple(values.get("consider", ())),
        meta.get("deprecated") is True,
    )


def _synonym(given: dict[str, Any]) -> Synonym:
    scope = re.sub(r"^has|Synonym$", "", _text(given.get("pred"))).lower()
    kind = curie(_text(given.get("synonymType")))
    plain = "abbreviation" if kind == "OMO:0003012" else re.split(r"[/#]", kind)[-1].lower()
    return Synonym(_text(given.get("val")), scope if scope in SCOPES else "related", plain)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
