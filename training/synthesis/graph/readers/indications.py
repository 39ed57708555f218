"""PharmacotherapyDB's table of indications: what a drug is for, and what it is not for.

Source: D. S. Himmelstein et al., https://doi.org/10.15363/thinklab.d182 (dhimmel/indications, CC0). Category DM: the
drug changes the disease; SYM: it treats symptoms of it; NOT: it is no indication, which a curator has stated.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from training.synthesis.graph.builder import GraphBuilder
from training.synthesis.graph.input_file import InputFile
from training.synthesis.graph.kinds import NodeType, Polarity, Relation
from training.synthesis.graph.readers.table import Table, read_table
from training.synthesis.graph.sources import Source

COLUMNS: Final = ("doid_id", "drugbank_id", "disease", "drug", "category")
_CATEGORIES: Final = {"DM": "disease-modifying", "SYM": "symptomatic", "NOT": ""}


def read_indications(file: InputFile, builder: GraphBuilder) -> None:
    """Add a table of indications: a `treats` edge a row, which is excluded where the category is NOT."""
    table = read_table(file, COLUMNS, 0, builder.problems)
    table.parsed("doid_id", lambda text: _identifier(text, "doid_id"), "", builder.problems)
    table.parsed("drugbank_id", lambda text: _identifier(text, "drugbank_id"), "", builder.problems)
    kinds = table.parsed("category", _category, "", builder.problems)
    rows = table.rows()
    terms = ("CC0 1.0", "PharmacotherapyDB, https://doi.org/10.15363/thinklab.d182")
    source = builder.source(Source("PharmacotherapyDB", "", file.path.name, file.sha256, *terms))
    denied = [value == "NOT" for value in table["category"].values]
    builder.edges(
        len(rows.lines),
        subject=_nodes(rows, "drugbank_id", "drug", NodeType.DRUG, "DRUGBANK:", builder),
        relation=builder.relation(Relation.TREATS),
        object=_nodes(rows, "doid_id", "disease", NodeType.DISEASE, "", builder),
        polarity=np.where(rows["category"].taken(denied, np.bool_), Polarity.EXCLUDED, Polarity.PRESENT),
        modifier=rows["category"].taken([builder.text(kind) for kind in kinds], np.int32),
        source=source,
        line=rows.lines,
    )


def _nodes(rows: Table, ids: str, names: str, kind: NodeType, prefix: str, builder: GraphBuilder) -> list[int]:
    pairs = zip(rows[ids].codes.tolist(), rows[names].codes.tolist(), strict=True)
    return [
        builder.node(f"{prefix}{rows[ids].values[code]}", kind, rows[names].values[name].strip())
        for code, name in pairs
    ]


def _identifier(text: str, column: str) -> str:
    if not text or any(char.isspace() for char in text):
        raise ValueError(f"{column} {text[:40]!r} is not an id")
    return text


def _category(text: str) -> str:
    if text not in _CATEGORIES:
        raise ValueError(f"category {text[:40]!r} is none of {', '.join(_CATEGORIES)}")
    return _CATEGORIES[text]
