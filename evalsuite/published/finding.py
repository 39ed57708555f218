"""What is wrong with a published table, and the arithmetic that shows it."""

from __future__ import annotations

from typing import Literal

from evalsuite.published.reported_value import ReportedValue
from evalsuite.util.validation import StrictModel

Kind = Literal["items", "granularity", "lineage", "chance", "duplicate", "average", "difference"]


class Inconsistency(StrictModel):
    """One fact about published numbers that a reader should know before using them."""

    kind: Kind
    document: str
    where: str
    what: str
    arithmetic: tuple[str, ...]


def found(kind: Kind, figures: list[ReportedValue], what: str, *arithmetic: str, row: bool = False) -> Inconsistency:
    """State a finding about a column, or about the rows of it that are given."""
    first = figures[0]
    documents = ", ".join(dict.fromkeys(figure.document for figure in figures))
    tables = {figure.table if figure.row else "text" for figure in figures}
    place = first.locator if row else ", ".join([*(tables if len(tables) == 1 else ()), f"column {first.heading}"])
    return Inconsistency(kind=kind, document=documents, where=place, what=what, arithmetic=arithmetic)
