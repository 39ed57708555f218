"""Nodes and triples as the agent writes them, what is refused, and the tables that `--graph` reads."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from training.synthesis.graph.kinds import NodeType
from training.synthesis.graph.sources import Source
from training.synthesis.wiki.article import Article

NODE_COLUMNS: Final = ("id", "type", "name", "synonyms", "xrefs")
TRIPLE_COLUMNS: Final = (
    "subject",
    "subject_type",
    "subject_name",
    "relation",
    "object",
    "object_type",
    "object_name",
    "negated",
    "evidence",
    "reference",
)


class WikiNode(NamedTuple):
    """A node of the tables."""

    id: str
    type: NodeType
    name: str
    synonyms: tuple[str, ...] = ()
    xrefs: tuple[str, ...] = ()


class Triple(NamedTuple):
    """A statement with its evidence (a sentence, a field of an infobox, or a link) and where that stands."""

    subject: WikiNode
    relation: str
    object: WikiNode
    negated: bool
    evidence: str
    references: tuple[str, ...]


class Refused(NamedTuple):
    """Something that became no triple: where it stood, what it was, and under which name it was refused."""

    reason: str
    page: str
    revision: str
    place: str
    content: str


def references(article: Article, place: str, *more: str) -> tuple[str, ...]:
    """Return where something stands: title, revision with its time, and section or field."""
    page = article.page
    revision = f"revision {page.revision}" if page.revision else ""
    return tuple(each for each in (page.title, revision, page.timestamp, place, *more) if each)


def node_table(source: Source, nodes: Iterable[WikiNode]) -> bytes:
    """Return the table of nodes, under a header that states licence and attribution."""
    rows = ((each.id, each.type, each.name, _several(each.synonyms), _several(each.xrefs)) for each in nodes)
    return _table(source, NODE_COLUMNS, rows)


def triple_table(source: Source, triples: Iterable[Triple]) -> bytes:
    """Return the table of triples, under a header that states licence and attribution."""
    rows = (
        (
            *each.subject[:3],
            each.relation,
            *each.object[:3],
            "true" if each.negated else "false",
            each.evidence.replace("|", "/"),
            _several(each.references),
        )
        for each in triples
    )
    return _table(source, TRIPLE_COLUMNS, rows)


def _several(texts: Iterable[str]) -> str:
    return "|".join(text.replace("|", "/").replace(";", ",") for text in texts)


def _table(source: Source, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> bytes:
    facts = {
        "source": source.name,
        "release": source.release,
        "licence": source.licence,
        "attribution": source.attribution,
    }
    lines = [f"# {name}: {' '.join(value.split())}" for name, value in facts.items() if value.strip()]
    lines.append("\t".join(columns))
    lines += ["\t".join(" ".join(str(cell).split()) for cell in row) for row in rows]
    return ("\n".join(lines) + "\n").encode("utf-8", "replace")
