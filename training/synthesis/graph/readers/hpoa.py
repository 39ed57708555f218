"""`phenotype.hpoa`: which diseases have which signs, how often, from when on, and which they don't have.

Source: https://obophenotype.github.io/human-phenotype-ontology/annotations/phenotype_hpoa/. Absence is stated in two
places: the qualifier NOT, and a frequency of none (`0/13`, `0%`, HP:0040285). Of the aspects only P is a sign; I, C, M
and H are inheritance, course, modifier and past medical history.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from training.synthesis.graph.builder import GraphBuilder
from training.synthesis.graph.edge_table import SEXES
from training.synthesis.graph.frequency import UNKNOWN, Frequency, parse_frequency
from training.synthesis.graph.input_file import InputFile
from training.synthesis.graph.kinds import NodeType, Polarity, Relation
from training.synthesis.graph.nodes import Synonym
from training.synthesis.graph.readers.obo import known_terms
from training.synthesis.graph.readers.table import Table, read_table
from training.synthesis.graph.sources import Source

ASPECTS: Final = {
    "P": (Relation.HAS_SIGN, NodeType.SIGN),
    "I": (Relation.HAS_INHERITANCE, NodeType.INHERITANCE),
    "C": (Relation.HAS_COURSE, NodeType.COURSE),
    "M": (Relation.HAS_MODIFIER, NodeType.MODIFIER),
    "H": (Relation.HAS_HISTORY, NodeType.HISTORY),
}
_CODED: Final = ("modifier", "evidence", "reference")
_COLUMNS: Final = ("database_id", "disease_name", "qualifier", "hpo_id", "onset", "frequency", "sex", "aspect", *_CODED)
_ID: Final = re.compile(r"[A-Za-z][\w.-]*:\S+\Z", re.ASCII)


def read_hpoa(file: InputFile, builder: GraphBuilder) -> None:
    """Add the annotations of a `phenotype.hpoa`; a row that can't be understood is a problem with its line.

    The ontology must have been read before: a term that it doesn't hold is such a row.
    """
    start, release = _header(file.data)
    table = read_table(file, _COLUMNS, start, builder.problems)
    source = builder.source(Source("phenotype.hpoa", release, file.path.name, file.sha256, *known_terms("hp")))

    def column(name: str, parse: Callable[[str], Any], empty: Any) -> list[Any]:
        return table.parsed(name, parse, empty, builder.problems)

    known = builder.nodes.numbers
    column("database_id", _disease_id, "")
    terms = column("hpo_id", lambda text: _term(text, known), -1)
    onsets = column("onset", lambda text: _term(text, known) if text else -1, -1)
    frequencies = column("frequency", parse_frequency, UNKNOWN)
    denied = column("qualifier", _is_denial, False)
    sexes = column("sex", lambda text: _listed(text.upper(), SEXES, "sex"), 0)
    aspects = column("aspect", lambda text: _listed(text, tuple(ASPECTS), "aspect"), 0)
    rows = table.rows()
    absent = [each.excluded for each in frequencies]
    excluded = rows["qualifier"].taken(denied, np.bool_) | rows["frequency"].taken(absent, np.bool_)
    relations = [builder.relation(relation) for relation, _ in ASPECTS.values()]
    builder.edges(
        len(rows.lines),
        subject=_diseases(rows, builder),
        relation=rows["aspect"].taken([relations[each] for each in aspects], np.uint16),
        object=rows["hpo_id"].taken(terms, np.int32),
        polarity=np.where(excluded, Polarity.EXCLUDED, Polarity.PRESENT),
        **{
            name: rows["frequency"].taken([each[place] for each in frequencies], np.float64)
            for place, name in enumerate(Frequency._fields)
        },
        onset=rows["onset"].taken(onsets, np.int32),
        sex=rows["sex"].taken(sexes, np.uint8),
        source=source,
        line=rows.lines,
        **{name: rows[name].taken([builder.text(text) for text in rows[name].values], np.int32) for name in _CODED},
    )


def _header(data: bytes) -> tuple[int, str]:
    """Return where the line of column names begins, and the release that the comments before it state."""
    start, release = 0, ""
    while data[start : start + 1] == b"#" and not data.startswith((b"#DatabaseID", b"#database_id"), start):
        end = data.find(b"\n", start)
        line = data[start : end if end >= 0 else None].decode(errors="replace").strip()
        if found := re.match(r"#\s*(?:version|date):\s*(\S+)", line):
            release = release or found[1]
        start = end + 1 if end >= 0 else len(data)
    return start, release


def _diseases(rows: Table, builder: GraphBuilder) -> NDArray[np.int32]:
    """Return the node of each row's disease; of an id's several names the first is its name, others are synonyms."""
    ids, names = rows["database_id"], rows["disease_name"]
    numbers = [builder.node(each, NodeType.DISEASE) for each in ids.values]
    pairs = np.unique(ids.codes.astype(np.int64) * max(len(names.values), 1) + names.codes, return_index=True)[1]
    for row in np.sort(pairs).tolist():
        number, name = numbers[ids.codes[row]], names.values[names.codes[row]].strip()
        if builder.nodes.names[number] and name != builder.nodes.names[number]:
            builder.nodes.describe(number, (Synonym(name),) if name else ())
        builder.nodes.names[number] = builder.nodes.names[number] or name
    return ids.taken(numbers, np.int32)


def _disease_id(text: str) -> str:
    if not _ID.match(text):
        raise ValueError(f"database_id {text[:40]!r} is not an id such as OMIM:154700")
    return text


def _term(text: str, known: dict[str, int]) -> int:
    if text not in known:
        raise ValueError(f"{text[:40]!r} is no term of the ontology; use the hp.obo of the same release")
    return known[text]


def _is_denial(text: str) -> bool:
    if text not in {"", "NOT"}:
        raise ValueError(f"qualifier {text[:40]!r} is neither empty nor NOT")
    return text == "NOT"


def _listed(text: str, choices: tuple[str, ...], name: str) -> int:
    if text not in choices:
        raise ValueError(f"{name} {text[:40]!r} is none of {', '.join(each for each in choices if each)}")
    return choices.index(text)
