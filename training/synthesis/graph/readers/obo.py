"""OBO files: terms, hierarchy, relationships, and the relations inside the Disease Ontology's definitions."""

from __future__ import annotations

import re
from typing import Final

from training.synthesis.graph.builder import GraphBuilder
from training.synthesis.graph.input_file import InputFile
from training.synthesis.graph.kinds import Relation
from training.synthesis.graph.readers.obo_frames import (
    BrokenFrameError,
    Frame,
    frames,
    plain,
    quoted,
    reference,
    synonym,
)
from training.synthesis.graph.readers.terms import Statement, Term, add_terms
from training.synthesis.graph.sources import UNSTATED, Source, Terms

_KNOWN_TERMS: Final = {
    "hp": Terms(
        "HPO licence, https://hpo.jax.org/app/license (free with attribution and the release shown, content unchanged)",
        "This work uses the Human Phenotype Ontology (https://hpo.jax.org).",
    ),
    "doid": Terms("CC0 1.0", "Human Disease Ontology, https://disease-ontology.org"),
    "mondo": Terms("CC BY 4.0", "Mondo Disease Ontology, https://mondo.monarchinitiative.org"),
    "symp": Terms("CC0 1.0", "Symptom Ontology, https://github.com/DiseaseOntology/SymptomOntology"),
}
_SINGLE: Final = frozenset({"id", "name", "namespace", "def", "is_obsolete"})
_LISTS: Final = frozenset({"is_a", "synonym", "xref", "relationship", "alt_id", "replaced_by", "consider"})
_TAGS: Final = _SINGLE | _LISTS | {"property_value", "ontology", "data-version", "date", "default-namespace"}
_EXACT_MATCH: Final = re.compile(r'skos:exactMatch\s+"?([^"\s]+)')


def known_terms(ontology: str) -> Terms:
    """Return licence and attribution of an ontology by its name, such as `hp.obo` or `doid/subsets/DO_rare_slim`."""
    return _KNOWN_TERMS.get(re.split(r"[/.]", ontology.lower())[0], UNSTATED)


def read_obo(file: InputFile, builder: GraphBuilder) -> None:
    """Add an OBO file. A broken frame is a problem with its line; a parent outside of the file becomes a node."""
    terms: list[Term] = []
    namespace = ""
    source = None
    for frame in frames(file, _TAGS, builder.problems):
        if frame.kind == "":
            namespace = frame.value("default-namespace")
            source = builder.source(_source(file, frame))
        elif frame.kind == "Term":
            try:
                terms.append(_term(frame, namespace))
            except BrokenFrameError as error:
                builder.problems.add(file.path, error.number, f"broken frame: {error.reason}")
    if source is None:  # the header itself is broken
        source = builder.source(_source(file, Frame("", 1, [])))
    if not terms:
        builder.problems.add(file.path, 1, "an OBO file without a term")
    add_terms(builder, terms, source)


def _source(file: InputFile, header: Frame) -> Source:
    ontology = header.value("ontology") or file.path.name
    stated = re.search(r"terms:license\s+(\S+)", "\n".join(header.values("property_value")))
    terms = known_terms(ontology)
    if terms is UNSTATED and stated:
        terms = Terms(stated[1].strip('"'))
    release = header.value("data-version") or header.value("date")
    return Source(ontology, release, file.path.name, file.sha256, *terms)


def _term(frame: Frame, default_namespace: str) -> Term:
    single: dict[str, str] = {}
    lists: dict[str, list[str]] = {"alt_id": [], "replaced_by": [], "consider": []}
    xrefs, statements, synonyms = [], [], []
    definition_line = 0
    for number, tag, value in frame.lines:
        if tag == "is_a":
            statements.append(Statement(Relation.IS_A, reference(number, value), number))
        elif tag == "synonym":
            synonyms.append(synonym(number, value))
        elif tag == "xref":
            xrefs.append((reference(number, value), number))
        elif tag == "relationship":
            relation, _, target = value.partition(" ")
            statements.append(Statement(relation, reference(number, target.lstrip()), number))
        elif tag in lists:
            lists[tag].append(reference(number, value))
        elif tag == "property_value":
            if match := _EXACT_MATCH.match(value):
                xrefs.append((match[1], number))
        elif tag in single:
            raise BrokenFrameError(number, f"a second `{tag}` in one frame")
        elif tag == "def":
            single[tag], definition_line = quoted(number, value)[0], number
        else:
            single[tag] = plain(value)
    if not single.get("id"):
        raise BrokenFrameError(frame.number, "a term without `id`")
    return Term(
        single["id"],
        single.get("name", ""),
        frame.number,
        single.get("namespace", default_namespace),
        single.get("def", ""),
        definition_line,
        tuple(synonyms),
        tuple(xrefs),
        tuple(statements),
        tuple(lists["alt_id"]),
        tuple(lists["replaced_by"]),
        tuple(lists["consider"]),
        obsolete=single.get("is_obsolete") == "true",
    )
