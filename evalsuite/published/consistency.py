"""Check published tables for inconsistencies, from the printed values alone."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator
from fractions import Fraction
from math import ceil, floor

from evalsuite.published import column_checks, grim
from evalsuite.published.document import (
    AVERAGE,
    GAIN,
    PublishedDocument,
    PublishedRow,
    PublishedTable,
    ReportedDifference,
)
from evalsuite.published.inconsistency import Inconsistency, inconsistency
from evalsuite.published.reported_value import ReportedValue, once, same

_MAX_COUNTS = 3
"""Counts of items that are listed as candidates for an impossible value."""


def check(documents: Iterable[PublishedDocument]) -> tuple[Inconsistency, ...]:
    """Check each document, then the columns that several documents of one lineage have in common."""
    read = tuple(documents)
    findings = [finding for document in read for finding in _check_document(document)]
    return (*findings, *_check_across(read))


def _check_document(document: PublishedDocument) -> Iterator[Inconsistency]:
    values = document.reported_values()
    yield from _restated(_accuracies(values))
    unique = once(_accuracies(values))
    for group in _grouped(unique, lambda v: (v.table if v.row else "", v.column)):
        yield from column_checks.check(group)
    for group in _grouped(unique, lambda v: v.column):
        yield from column_checks.chance(group)
    for table in document.tables:
        for row in table.rows:
            of_row = [v for v in _accuracies(values) if (v.table, v.row) == (table.name, row.name)]
            yield from _average(document.name, table, row, of_row)
            yield from _gain(document.name, table, row)
    for stated in document.differences:
        yield from _difference(document.name, stated, values)


def _check_across(documents: tuple[PublishedDocument, ...]) -> Iterator[Inconsistency]:
    """Check the column of a lineage for a task over several documents, as if it were one table's."""
    every = [v for document in documents for v in once(_accuracies(document.reported_values())) if v.task]
    for group in _grouped(every, lambda v: (v.lineage, v.task)):
        if len({v.document for v in group}) > 1:
            yield from _restated(group)
            unique = list(once(group))
            yield from (finding for finding in column_checks.check(unique) if finding.kind == "lineage")


def _accuracies(values: Iterable[ReportedValue]) -> list[ReportedValue]:
    return [reported for reported in values if reported.metric == "accuracy"]


def _grouped(values: Iterable[ReportedValue], key: Callable[[ReportedValue], Hashable]) -> list[list[ReportedValue]]:
    groups: defaultdict[Hashable, list[ReportedValue]] = defaultdict(list)
    for reported in values:
        groups[key(reported)].append(reported)
    return list(groups.values())


def _restated(values: list[ReportedValue]) -> Iterator[Inconsistency]:
    """Check that a value which is stated twice is the same, except for rounding."""
    for first, *others in same(values):
        for other in others:
            gap = abs(Fraction(first.printed) - Fraction(other.printed))
            if gap > grim.rounding_error(first.printed) + grim.rounding_error(other.printed):
                places = [f"{v.document}, {v.locator}: {v.printed}" for v in (first, other)]
                line = f"{'; '.join(places)}; they differ by {float(gap):.2f}"
                yield inconsistency("duplicate", [other, first], f"{first.name} has two values", line, row=True)


def _average(
    document: str, table: PublishedTable, row: PublishedRow, values: list[ReportedValue]
) -> Iterator[Inconsistency]:
    """Compute an average again: it may differ only by the rounding of its parts and its own."""
    cells = table.cells(row)
    parts = [cells[key] for key in table.columns if key in cells]
    if AVERAGE not in cells or len(parts) < len(table.columns):
        return
    printed, digits = cells[AVERAGE], grim.decimals(cells[AVERAGE])
    mean = sum(map(Fraction, parts), Fraction(0)) / len(parts)
    slack = sum(map(grim.rounding_error, parts), Fraction(0)) / len(parts) + grim.rounding_error(printed)
    gap = abs(mean - Fraction(printed))
    if gap <= slack:
        return
    lines = [
        f"({' + '.join(parts)}) / {len(parts)} = {float(mean):.{digits + 2}f}",
        f"they differ by {float(gap):.{digits + 2}f}, rounding explains at most {float(slack):.{digits + 2}f}",
    ]
    yield Inconsistency(
        kind="average",
        document=document,
        where=f"{table.name}, row {row.name}, column {table.average}",
        what=f"the average is {float(mean):.{digits}f}, not {printed}",
        arithmetic=(*lines, *_repair(cells, values)),
    )


def _repair(cells: dict[str, str], values: list[ReportedValue]) -> Iterator[str]:
    """Yield what the average implies for the one part, if there is one, that is no whole number of items."""
    odd = [v for v in values if v.plausible_n and not any(grim.fits(v.printed, n) for n in v.plausible_n)]
    if len(odd) != 1:
        return
    part, digits = odd[0], grim.decimals(odd[0].printed)
    others = [printed for key, printed in cells.items() if key not in (part.column, AVERAGE, GAIN)]
    middle = Fraction(cells[AVERAGE]) * (len(others) + 1) - sum(map(Fraction, others))
    slack = grim.rounding_error(cells[AVERAGE]) * (len(others) + 1) + sum(map(grim.rounding_error, others))
    low, high = middle - slack, middle + slack
    yield f"it needs {part.heading} between {float(low):.2f} and {float(high):.2f}, where {part.printed} is printed"
    for n in part.plausible_n:
        fitting = range(ceil(low * n / 100), floor(high * n / 100) + 1)
        if 0 < len(fitting) <= _MAX_COUNTS:
            yield f"of {n:,} items that is " + " or ".join(f"{100 * k / n:.{digits}f}, {k} items" for k in fitting)


def _gain(document: str, table: PublishedTable, row: PublishedRow) -> Iterator[Inconsistency]:
    cells = table.cells(row)
    base = next((other for other in table.rows if row.over and other.name == row.over), None)
    if GAIN not in cells or AVERAGE not in cells or base is None or AVERAGE not in table.cells(base):
        return
    pairs = [(cells[AVERAGE], table.cells(base)[AVERAGE])]
    where = f"{table.name}, row {row.name}, column {table.gain}"
    yield from _subtracted(document, where, cells[GAIN], pairs)


def _difference(document: str, stated: ReportedDifference, values: Iterable[ReportedValue]) -> Iterator[Inconsistency]:
    column = [v for v in values if v.column == stated.column]
    minuends = [v.printed for v in column if (v.model, v.stage) == (stated.model, stated.stage)]
    subtrahends = [v.printed for v in column if (v.model, v.stage) == (stated.minus, "")]
    pairs = [(a, b) for a in minuends for b in subtrahends]
    where = f"{stated.at}: {stated.model} minus {stated.minus}, {stated.column}"
    yield from _subtracted(document, where, stated.value, pairs)


def _subtracted(document: str, where: str, printed: str, pairs: list[tuple[str, str]]) -> Iterator[Inconsistency]:
    """Check that a difference follows from some pair of values in the document, except for rounding."""
    for a, b in pairs:
        slack = grim.rounding_error(a) + grim.rounding_error(b) + grim.rounding_error(printed)
        if abs(Fraction(a) - Fraction(b) - Fraction(printed)) <= slack:
            return
    if pairs:
        lines = tuple(f"{a} - {b} = {float(Fraction(a) - Fraction(b)):+.2f}" for a, b in pairs)
        yield Inconsistency(
            kind="difference",
            document=document,
            where=where,
            what=f"the difference is printed as {printed}",
            arithmetic=lines,
        )
