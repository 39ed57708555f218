"""Infoboxes of medical articles: the type of entity a page is about, its fields, its ids in other vocabularies."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final, NamedTuple

from training.synthesis.graph.kinds import NodeType, Relation
from training.synthesis.wiki.page import Link, Site
from training.synthesis.wiki.templates import OPAQUE, SEAM, SPOILT, template_name
from training.synthesis.wiki.wikitext import LINK_CLOSE, LINK_OPEN, LINK_TEXT, Rendering, without_markers

T = NodeType
_TYPES: Final = {
    T.DISEASE: "medical condition|disease|medical condition new|syndrome|mental disorder",
    T.SIGN: "symptom|medical sign|physical sign|sign",
    T.DRUG: "drug|drugbox|drug class|drugclassbox|vaccine|monoclonal antibody",
    T.GENE: "gene|protein|protein family|nonhuman protein|gnf protein box|pbb|enzyme|rfam",
    T.ANATOMY: "anatomy|bone|muscle|artery|vein|nerve|brain|ligament|lymph|embryology|gland|organ|joint|cell",
    T.TEST: "medical intervention|diagnostic|diagnostic test|medical test|interventions|medical procedure|surgery",
    T.CAUSE: "virus|virusbox|bacterium|pathogen|speciesbox|taxobox|automatic taxobox|subspeciesbox",
    T.PROCESS: "pathophysiology|biological process",
}
_TYPES_BY_NAME: Final = {name: kind for kind, names in _TYPES.items() for name in names.split("|")}
RESOURCES: Final = frozenset({"medical resources", "diseasesdb", "medical condition classification"})
"""Templates at the end of an article that hold the ids of a disease in other vocabularies."""
_CANDIDATE: Final = re.compile(
    r"\{\{\s*(?:template:)?(?:infobox|drugbox|drugclassbox|gnf|pbb|virusbox|speciesbox|(?:automatic[ _])?taxobox|"
    r"subspeciesbox|medical[ _]resources)",
    re.IGNORECASE,
)


class Field(NamedTuple):
    """What a field of an infobox states of the page: a relation, and what an end without a type is."""

    relation: str
    type: NodeType
    flipped: bool = False
    """Whether the page is the object: a medication *treats* the disease."""


FIELDS: Final = {
    name: field
    for field, names in (
        (Field(Relation.HAS_SIGN, T.SIGN), "symptoms|symptom|signs|signs and symptoms|signs symptoms"),
        (Field(Relation.RESULTS_IN, T.PROCESS), "complications|complication"),
        (Field(Relation.CAUSED_BY, T.CAUSE), "causes|cause|pathogen|causative agent"),
        (Field("has_risk_factor", T.CAUSE), "risks|risk|risk factors|riskfactors"),
        (Field(Relation.DIAGNOSED_BY, T.TEST), "diagnosis|diagnostic method|diagnostics"),
        (Field("differential_diagnosis", T.DISEASE), "differential|differential diagnosis"),
        (Field(Relation.TREATS, T.DRUG, flipped=True), "medication|medications|drugs"),
        (Field("managed_by", T.CONCEPT), "treatment|treatments|management"),
        (Field("prevented_by", T.CONCEPT), "prevention"),
        (Field(Relation.TRANSMITTED_BY, T.TRANSMISSION), "transmission|vector"),
        (Field(Relation.LOCATED_IN, T.ANATOMY), "location|organ"),
        (Field(Relation.HAS_GENE, T.GENE), "gene|genes"),
        (Field(Relation.IS_A, T.DISEASE, flipped=True), "types|subtypes"),
    )
    for name in names.split("|")
}
_SYNONYMS: Final = {"synonyms", "synonym", "othernames", "other names", "aliases", "alias", "altnames", "tradename"}
_VOCABULARIES: Final = {
    "omim": ("OMIM", r"\d{6}"),
    "meshid": ("MESH", r"[CD]\d{6,9}"),
    "mesh": ("MESH", r"[CD]\d{6,9}"),
    "orphanet": ("ORPHA", r"\d{1,6}"),
    "icd10": ("ICD10", r"[A-Z]\d[0-9A-Z](?:\.[0-9A-Z]{1,4})?"),
    "icd10cm": ("ICD10CM", r"[A-Z]\d[0-9A-Z](?:\.[0-9A-Z]{1,4})?"),
    "diseasesdb": ("DISEASESDB", r"\d{1,6}"),
    "snomed ct": ("SNOMEDCT", r"\d{6,18}"),
    "drugbank": ("DRUGBANK", r"DB\d{5}"),
    "chebi": ("CHEBI", r"\d{1,7}"),
    "hgncid": ("HGNC", r"\d{1,6}"),
    "entrezgene": ("NCBIGene", r"\d{1,9}"),
}
_PARENTHESES: Final = re.compile(r"\([^()]*\)")
_SEPARATORS: Final = re.compile(r"\n+|[,;•·](?!\d)|/(?=\s)|\s/")
_MARK: Final = re.compile(f"{LINK_OPEN}(\\d+){LINK_TEXT}([^{LINK_CLOSE}]*){LINK_CLOSE}(?:{SEAM}*([^\\W\\d_]+))?")
"""A link with its text; letters right behind it belong to it: `[[fever]]s`."""
_JOINING: Final = re.compile(r"\b(?:and|or)\b|[&,;]", re.IGNORECASE)


class FieldItem(NamedTuple):
    """One thing that a field names. `link` is None where it is plain text; `reason`: why it can't be used, or empty."""

    field: str
    text: str
    link: Link | None
    reason: str


class Box(NamedTuple):
    """What the infoboxes and the resources of a page state. `type` is None if none says what the page is about."""

    type: NodeType | None
    items: tuple[FieldItem, ...]
    synonyms: tuple[str, ...]
    xrefs: tuple[str, ...]


def may_have_box(text: str) -> bool:
    """Whether it pays to parse a page: it names one of the templates that are read."""
    return _CANDIDATE.search(text) is not None


def read_boxes(code: Any, site: Site) -> Box:
    """Return what the infoboxes of a parsed page state."""
    kind: NodeType | None = None
    items: list[FieldItem] = []
    synonyms: dict[str, None] = {}
    xrefs: dict[str, None] = {}
    for node in code.ifilter_templates(recursive=True):
        name = template_name(str(node.name))
        own = _box_type(name)
        if own is None and name not in RESOURCES:
            continue
        kind = kind or own or T.DISEASE
        for parameter in node.params:
            field = template_name(str(parameter.name)) if parameter.showkey else ""
            if field in FIELDS and own in (T.DISEASE, T.SIGN):
                items += field_items(field, parameter.value.nodes, site)
            elif field in _SYNONYMS:
                synonyms |= dict.fromkeys(_names(parameter.value.nodes, site))
            elif field in _VOCABULARIES:
                xrefs |= dict.fromkeys(_ids(field, parameter.value.nodes, site))
    return Box(kind, tuple(dict.fromkeys(items)), tuple(synonyms), _of_this_alone(xrefs))


def _of_this_alone(xrefs: Iterable[str]) -> tuple[str, ...]:
    """Leave out the ids of a vocabulary that has several for the page: they are kinds of it, not other ids of it."""
    counts = Counter(xref.partition(":")[0] for xref in xrefs)
    return tuple(xref for xref in xrefs if counts[xref.partition(":")[0]] == 1 or is_code(xref))


def _box_type(name: str) -> NodeType | None:
    plain = re.sub(r"[()]", "", name.removeprefix("infobox ")).strip()
    if name.startswith("infobox ") or plain in ("drugbox", "drugclassbox") or "box" in plain or plain in ("pbb",):
        return _TYPES_BY_NAME.get(plain)
    return None


def field_items(field: str, nodes: Sequence[Any], site: Site) -> Iterator[FieldItem]:
    """Yield what a field names, one after the other.

    An item is a link, or text without any; a link with further words (`no [[fever]]`, `[[fever]] in children`) says
    more than that it is the case, so it can't be used.
    """
    rendering = Rendering(site)
    whole = rendering.text(nodes)
    for part in _split(whole):
        marks = list(_MARK.finditer(part))
        rest = without_markers(_JOINING.sub(" ", _MARK.sub(" ", part))).strip(" .:*")
        text = without_markers(_MARK.sub(r"\2\3", part)).strip(" .:*")
        if not text:
            continue
        if OPAQUE in part or SPOILT in part:
            yield FieldItem(field, text.replace(OPAQUE, "?").replace(SPOILT, "?"), None, "unreadable_markup")
        elif marks and rest:
            yield FieldItem(field, text, None, "link_with_further_words")
        elif marks:
            for mark in marks:
                yield FieldItem(field, without_markers(mark[2] + (mark[3] or "")), rendering.links[int(mark[1])], "")
        else:
            yield FieldItem(field, text, None, "")


def _split(whole: str) -> list[str]:
    """Split at commas, bullets and line breaks, but not inside of links and parentheses."""
    kept: list[str] = []

    def put_away(found: re.Match[str]) -> str:
        kept.append(found[0])
        return f"\ue010{len(kept) - 1}\ue011"

    plain = _PARENTHESES.sub(put_away, _MARK.sub(put_away, whole.replace("\ue010", "").replace("\ue011", "")))
    parts = _SEPARATORS.split(plain)
    for _ in range(2):  # a link may stand in parentheses
        parts = [re.sub("\ue010(\\d+)\ue011", lambda found: kept[int(found[1])], part) for part in parts]
    return [part for part in parts if part.strip()]


def _names(nodes: Sequence[Any], site: Site) -> Iterator[str]:
    """Yield the names in a field of synonyms, without remarks in parentheses."""
    for part in _split(Rendering(site).text(nodes)):
        name = _PARENTHESES.sub("", without_markers(_MARK.sub(r"\2\3", part))).strip(' .:*"“”')
        if 1 < len(name) <= 120 and OPAQUE not in name and SPOILT not in name:
            yield name


def _ids(field: str, nodes: Sequence[Any], site: Site) -> Iterator[str]:
    prefix, pattern = _VOCABULARIES[field]
    text = without_markers(_MARK.sub(r"\2\3", Rendering(site).text(nodes)))
    own = re.findall(rf"\{{\{{\s*{field}2?\s*\|\s*({pattern})\s*[|}}]", "".join(map(str, nodes)), re.IGNORECASE)
    for local in (*re.findall(rf"(?<![A-Za-z0-9.]){pattern}(?![A-Za-z0-9])", text), *own):
        yield f"{prefix}:{local.upper()}"


def is_code(xref: str) -> bool:
    """Whether a reference is a code of a classification, in which one code may stand for many diseases."""
    return xref.startswith(("ICD10:", "ICD10CM:"))
