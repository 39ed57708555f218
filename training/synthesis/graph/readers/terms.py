"""What OBO and OBO Graphs have in common: a term, its type, and how it becomes a node and edges."""

from __future__ import annotations

import re
from collections import defaultdict
from typing import Final, NamedTuple

from training.synthesis.graph.builder import GraphBuilder
from training.synthesis.graph.kinds import ROLES, NodeType, Polarity, Relation, node_type, predicate
from training.synthesis.graph.nodes import Synonym
from training.synthesis.graph.readers.definitions import relations_in

_TYPES_BY_PREFIX: Final = {
    "DOID": NodeType.DISEASE,
    "MONDO": NodeType.DISEASE,
    "OMIM": NodeType.DISEASE,
    "ORPHA": NodeType.DISEASE,
    "ORPHANET": NodeType.DISEASE,
    "ORDO": NodeType.DISEASE,
    "DECIPHER": NodeType.DISEASE,
    "SYMP": NodeType.SIGN,
    "MP": NodeType.SIGN,
    "UBERON": NodeType.ANATOMY,
    "FMA": NodeType.ANATOMY,
    "CL": NodeType.ANATOMY,
    "CHEBI": NodeType.DRUG,
    "DRUGBANK": NodeType.DRUG,
    "DB": NodeType.DRUG,
    "RXNORM": NodeType.DRUG,
    "NCBITAXON": NodeType.CAUSE,
    "TRANS": NodeType.TRANSMISSION,
    "HGNC": NodeType.GENE,
    "NCBIGENE": NodeType.GENE,
    "ENTREZ": NodeType.GENE,
    "ICD10CM": NodeType.CODE,
    "GO": NodeType.PROCESS,
}
_HPO_BRANCHES: Final = {
    "HP:0000118": NodeType.SIGN,
    "HP:0000005": NodeType.INHERITANCE,
    "HP:0031797": NodeType.COURSE,
    "HP:0012823": NodeType.MODIFIER,
    "HP:0032443": NodeType.HISTORY,
}
"""What stands below these terms of the Human Phenotype Ontology; only what is below the first is a sign."""


class Statement(NamedTuple):
    """A relation of a term to another one or, if `target` has no id, to what its text names."""

    relation: str
    target: str
    line: int


class Term(NamedTuple):
    """One term of an ontology, from whatever format."""

    id: str
    name: str
    line: int
    namespace: str = ""
    definition: str = ""
    definition_line: int = 0
    synonyms: tuple[Synonym, ...] = ()
    xrefs: tuple[tuple[str, int], ...] = ()
    statements: tuple[Statement, ...] = ()
    alt_ids: tuple[str, ...] = ()
    replaced_by: tuple[str, ...] = ()
    consider: tuple[str, ...] = ()
    obsolete: bool = False


def add_terms(builder: GraphBuilder, terms: list[Term], source: int) -> None:
    """Add terms as nodes, and their statements, definitions and ICD-10-CM references as edges."""
    types = _types(terms)
    for term in terms:
        number = builder.node(term.id, types[term.id], term.name)
        builder.nodes.describe(number, term.synonyms, tuple(xref for xref, _ in term.xrefs))
        builder.nodes.obsolete[number] = term.obsolete
        _retire(builder, term)
    rows: list[tuple[int, int, int, int, int, int]] = []
    for term in terms:
        if not term.obsolete:
            rows += _edges(builder, term, types)
    if rows:
        subject, relation, target, polarity, line, evidence = zip(*rows, strict=True)
        columns = {"subject": subject, "relation": relation, "object": target, "polarity": polarity}
        builder.edges(len(rows), **columns, line=line, evidence=evidence, source=source)


def _retire(builder: GraphBuilder, term: Term) -> None:
    """Record which ids lead where; a term's own `replaced_by` comes before another term's `alt_id`."""
    nodes = builder.nodes
    if len(term.replaced_by) == 1:
        nodes.replaced[term.id] = term.replaced_by[0]
    elif term.replaced_by or term.consider:
        nodes.consider[term.id] = (*term.replaced_by, *term.consider)
    for old in term.alt_ids:
        if old != term.id:
            nodes.replaced.setdefault(old, term.id)


def _edges(builder: GraphBuilder, term: Term, types: dict[str, NodeType]) -> list[tuple[int, int, int, int, int, int]]:
    rows: list[tuple[int, int, int, int, int, int]] = []
    own = builder.nodes.numbers[term.id]

    def add(relation: str, target: int, line: int, *, evidence: str, flipped: bool, excluded: bool) -> None:
        ends = (target, own) if flipped else (own, target)
        polarity = Polarity.EXCLUDED if excluded else Polarity.PRESENT
        rows.append((ends[0], builder.relation(relation), ends[1], polarity, line, builder.text(evidence)))

    for statement in term.statements:
        kind = predicate(statement.relation)
        target = builder.node(statement.target, _external(statement.target, kind.relation, types, types[term.id]))
        add(kind.relation, target, statement.line, evidence="", flipped=kind.flipped, excluded=kind.excluded)
    if types[term.id] == NodeType.DISEASE:
        for xref, line in term.xrefs:
            if xref.startswith("ICD10CM:"):
                code = builder.node(xref, NodeType.CODE)
                add(Relation.HAS_CODE, code, line, evidence="cross-reference", flipped=False, excluded=False)
        for relation, text in relations_in(term.definition):
            target = literal(builder, text, ROLES[relation].object)
            add(relation, target, term.definition_line, evidence="definition", flipped=False, excluded=False)
    return rows


def literal(builder: GraphBuilder, text: str, kind: NodeType) -> int:
    """Return the node of what a text names without an id; it is merged with a node of its type and name."""
    key = re.sub(r"\s+", " ", text.casefold())
    return builder.node(f"text:{kind}:{key}", kind, text)


def _external(target: str, relation: str, types: dict[str, NodeType], own: NodeType) -> NodeType:
    """Return the type of a node that the file may not describe, such as a parent outside of a slim."""
    if target in types:
        return types[target]
    known = type_of_id(target)
    if known is not NodeType.CONCEPT:
        return known
    role = ROLES.get(relation)  # type: ignore[call-overload]
    return own if relation == Relation.IS_A else role.object if role else NodeType.CONCEPT


def type_of_id(node_id: str) -> NodeType:
    """Return the type that a vocabulary's prefix stands for; `concept` if it isn't known."""
    return _TYPES_BY_PREFIX.get(node_id.partition(":")[0].upper(), NodeType.CONCEPT)


def _types(terms: list[Term]) -> dict[str, NodeType]:
    """Return each term's type: by vocabulary, branch, namespace, its part in relations, or that of its kin."""
    types = {term.id: type_of_id(term.id) for term in terms}
    parents: dict[str, list[str]] = defaultdict(list)
    children: dict[str, list[str]] = defaultdict(list)
    for term in terms:
        if types[term.id] is NodeType.CONCEPT and not term.id.startswith("HP:"):
            types[term.id] = _type_of_namespace(term.namespace)
        for statement in term.statements:
            if statement.relation == Relation.IS_A:
                parents[term.id].append(statement.target)
                children[statement.target].append(term.id)
    for root, kind in _HPO_BRANCHES.items():
        _spread(root, kind, children, types)
    for term in terms:
        if types[term.id] is NodeType.CONCEPT and not term.id.startswith("HP:"):
            _by_role(term, types)
    for node_id in [each for each, kind in types.items() if kind is not NodeType.CONCEPT and each[:3] != "HP:"]:
        _spread(node_id, types[node_id], children, types)
        _spread(node_id, types[node_id], parents, types)
    return types


def _by_role(term: Term, types: dict[str, NodeType]) -> None:
    for statement in term.statements:
        kind = predicate(statement.relation)
        role = ROLES.get(kind.relation)  # type: ignore[call-overload]
        if role is not None:
            ends = (statement.target, term.id) if kind.flipped else (term.id, statement.target)
            for node_id, end in zip(ends, role, strict=True):
                if types.get(node_id) is NodeType.CONCEPT:
                    types[node_id] = end
    if types[term.id] is NodeType.CONCEPT and relations_in(term.definition):
        types[term.id] = NodeType.DISEASE


def _type_of_namespace(namespace: str) -> NodeType:
    kinds = (node_type(word) for word in re.split(r"[^A-Za-z]+", namespace) if word)
    return next((kind for kind in kinds if kind), NodeType.CONCEPT)


def _spread(start: str, kind: NodeType, along: dict[str, list[str]], types: dict[str, NodeType]) -> None:
    """Give a type to a node and to all untyped nodes that can be reached from it."""
    if start in types and types[start] is NodeType.CONCEPT:
        types[start] = kind
    ahead = [start] if types.get(start) is kind else []
    while ahead:
        for other in along.get(ahead.pop(), ()):
            if types.get(other) is NodeType.CONCEPT:
                types[other] = kind
                ahead.append(other)
