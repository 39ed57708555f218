"""Find from the printed numbers alone what is wrong with published tables."""

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
from evalsuite.published.finding import Inconsistency, found
from evalsuite.published.reported_value import ReportedValue, once, same

_FEW = 3


def check(documents: Iterable[PublishedDocument]) -> tuple[Inconsistency, ...]:
    """Check each document, then the columns that documents of one lineage share."""
    read = tuple(documents)
    findings = [finding for document in read for finding in _document(document)]
    return (*findings, *_across(read))


def _document(document: PublishedDocument) -> Iterator[Inconsistency]:
    figures = document.figures()
    yield from _restated(_accuracies(figures))
    kept = once(_accuracies(figures))
    for group in _grouped(kept, lambda f: (f.table if f.row else "", f.column)):
        yield from column_checks.check(group)
    for group in _grouped(kept, lambda f: f.column):
        yield from column_checks.chance(group)
    for table in document.tables:
        for row in table.rows:
            own = [f for f in _accuracies(figures) if (f.table, f.row) == (table.name, row.name)]
            yield from _average(document.name, table, row, own)
            yield from _gain(document.name, table, row)
    for stated in document.differences:
        yield from _difference(document.name, stated, figures)


def _across(documents: tuple[PublishedDocument, ...]) -> Iterator[Inconsistency]:
    """One lineage's column for a task, from several documents, must hold together as a table's own does."""
    every = [f for document in documents for f in once(_accuracies(document.figures())) if f.task]
    for group in _grouped(every, lambda f: (f.lineage, f.task)):
        if len({f.document for f in group}) > 1:
            yield from _restated(group)
            kept = list(once(group))
            yield from (finding for finding in column_checks.check(kept) if finding.kind == "lineage")


def _accuracies(figures: Iterable[ReportedValue]) -> list[ReportedValue]:
    return [figure for figure in figures if figure.metric == "accuracy"]


def _grouped(figures: Iterable[ReportedValue], key: Callable[[ReportedValue], Hashable]) -> list[list[ReportedValue]]:
    groups: defaultdict[Hashable, list[ReportedValue]] = defaultdict(list)
    for figure in figures:
        groups[key(figure)].append(figure)
    return list(groups.values())


def _restated(figures: list[ReportedValue]) -> Iterator[Inconsistency]:
    """A number that is stated again must be the same, rounding allowed for."""
    for first, *others in same(figures):
        for other in others:
            gap = abs(Fraction(first.printed) - Fraction(other.printed))
            if gap > grim.half(first.printed) + grim.half(other.printed):
                places = [f"{f.document}, {f.locator}: {f.printed}" for f in (first, other)]
                line = f"{'; '.join(places)}; {float(gap):.2f} apart"
                yield found("duplicate", [other, first], f"{first.name} has two values", line, row=True)


def _average(
    document: str, table: PublishedTable, row: PublishedRow, figures: list[ReportedValue]
) -> Iterator[Inconsistency]:
    """Re-add an average: rounding of its parts and of itself is all that may lie between."""
    cells = table.cells(row)
    parts = [cells[key] for key in table.columns if key in cells]
    if AVERAGE not in cells or len(parts) < len(table.columns):
        return
    printed, digits = cells[AVERAGE], grim.decimals(cells[AVERAGE])
    mean = sum(map(Fraction, parts), Fraction(0)) / len(parts)
    slack = sum(map(grim.half, parts), Fraction(0)) / len(parts) + grim.half(printed)
    apart = abs(mean - Fraction(printed))
    if apart <= slack:
        return
    lines = [
        f"({' + '.join(parts)}) / {len(parts)} = {float(mean):.{digits + 2}f}",
        f"{float(apart):.{digits + 2}f} apart, rounding explains at most {float(slack):.{digits + 2}f}",
    ]
    yield Inconsistency(
        kind="average",
        document=document,
        where=f"{table.name}, row {row.name}, column {table.average}",
        what=f"the average re-adds to {float(mean):.{digits}f}, not {printed}",
        arithmetic=(*lines, *_repair(cells, figures)),
    )


def _repair(cells: dict[str, str], figures: list[ReportedValue]) -> Iterator[str]:
    """What the average says of the one part, where there is one, that is no whole number of items."""
    odd = [f for f in figures if f.plausible_n and not any(grim.fits(f.printed, n) for n in f.plausible_n)]
    if len(odd) != 1:
        return
    part, digits = odd[0], grim.decimals(odd[0].printed)
    others = [printed for key, printed in cells.items() if key not in (part.column, AVERAGE, GAIN)]
    middle = Fraction(cells[AVERAGE]) * (len(others) + 1) - sum(map(Fraction, others))
    slack = grim.half(cells[AVERAGE]) * (len(others) + 1) + sum(map(grim.half, others))
    low, high = middle - slack, middle + slack
    yield f"it needs {part.heading} between {float(low):.2f} and {float(high):.2f}, where {part.printed} is printed"
    for n in part.plausible_n:
        fitting = range(ceil(low * n / 100), floor(high * n / 100) + 1)
        if 0 < len(fitting) <= _FEW:
            yield f"of {n:,} items that is " + " or ".join(f"{100 * k / n:.{digits}f}, {k} items" for k in fitting)


def _gain(document: str, table: PublishedTable, row: PublishedRow) -> Iterator[Inconsistency]:
    cells = table.cells(row)
    base = next((other for other in table.rows if row.over and other.name == row.over), None)
    if GAIN not in cells or AVERAGE not in cells or base is None or AVERAGE not in table.cells(base):
        return
    pairs = [(cells[AVERAGE], table.cells(base)[AVERAGE])]
    where = f"{table.name}, row {row.name}, column {table.gain}"
    yield from _subtracted(document, where, cells[GAIN], pairs)


def _difference(document: str, stated: ReportedDifference, figures: Iterable[ReportedValue]) -> Iterator[Inconsistency]:
    column = [f for f in figures if f.column == stated.column]
    ours = [f.printed for f in column if (f.model, f.stage) == (stated.model, stated.stage)]
    theirs = [f.printed for f in column if (f.model, f.stage) == (stated.minus, "")]
    pairs = [(a, b) for a in ours for b in theirs]
    where = f"{stated.at}: {stated.model} minus {stated.minus}, {stated.column}"
    yield from _subtracted(document, where, stated.value, pairs)


def _subtracted(document: str, where: str, printed: str, pairs: list[tuple[str, str]]) -> Iterator[Inconsistency]:
    """A difference agrees when it follows from any pair that the document prints, rounding allowed for."""
    for a, b in pairs:
        slack = grim.half(a) + grim.half(b) + grim.half(printed)
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
