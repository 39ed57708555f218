"""Inconsistencies of published tables, each with the arithmetic that shows it."""

from __future__ import annotations

from typing import Literal

from evalsuite.published.reported_value import ReportedValue
from evalsuite.util.validation import StrictModel

Kind = Literal["items", "granularity", "lineage", "chance", "duplicate", "average", "difference"]


class Inconsistency(StrictModel):
    """One fact about published scores that a reader should know before using them."""

    kind: Kind
    document: str
    where: str
    what: str
    arithmetic: tuple[str, ...]


def inconsistency(
    kind: Kind, values: list[ReportedValue], what: str, *arithmetic: str, row: bool = False
) -> Inconsistency:
    """Return an inconsistency of a column or, with `row`, of the rows that are given."""
    first = values[0]
    documents = ", ".join(dict.fromkeys(value.document for value in values))
    tables = {value.table if value.row else "text" for value in values}
    place = first.locator if row else ", ".join([*(tables if len(tables) == 1 else ()), f"column {first.heading}"])
    return Inconsistency(kind=kind, document=documents, where=place, what=what, arithmetic=arithmetic)
