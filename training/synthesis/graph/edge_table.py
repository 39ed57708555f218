"""The edges of a graph as columns, about fifty bytes an edge."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

COLUMNS: Final[Mapping[str, tuple[type[np.generic], float]]] = {
    "subject": (np.int32, -1),
    "relation": (np.uint16, 0),
    "object": (np.int32, -1),
    "polarity": (np.uint8, 0),
    "low": (np.float32, np.nan),
    "high": (np.float32, np.nan),
    "affected": (np.int32, 0),
    "patients": (np.int32, 0),
    "onset": (np.int32, -1),
    "sex": (np.uint8, 0),
    "modifier": (np.int32, 0),
    "source": (np.uint16, 0),
    "line": (np.int32, 0),
    "evidence": (np.int32, 0),
    "reference": (np.int32, 0),
}
"""Type and default of each column. subject, object, onset: nodes; relation: a number in `Graph.relations`; polarity: a
`Polarity`; low, high, affected, patients: a `Frequency`; sex: a number in `SEXES`; modifier, evidence, reference:
numbers in `Graph.texts`, of which 0 is the empty text; source: a number in `Graph.sources`; line: from 1."""
SEXES: Final = ("", "MALE", "FEMALE")

Columns = dict[str, NDArray[Any]]


def block(rows: int, given: Mapping[str, Any]) -> Columns:
    """Return all columns of `rows` edges: those given, an array or one value for all, and defaults for the rest."""
    return {
        name: np.broadcast_to(np.asarray(given.get(name, default), dtype=kind), (rows,))
        for name, (kind, default) in COLUMNS.items()
    }


def joined(blocks: list[Columns]) -> Columns:
    """Return the blocks as one table."""
    if not blocks:
        return {name: np.empty(0, dtype=kind) for name, (kind, _) in COLUMNS.items()}
    return {name: np.concatenate([each[name] for each in blocks]) for name in COLUMNS}
