"""Read one file of `baselines/published/`: the tables of a document and the values in its text, as printed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationError

from evalsuite.errors import BaselineError, ErrorCode, UsageError
from evalsuite.published import grim
from evalsuite.published.reported_value import UNSTATED, EvaluationProtocol, Metric, Reference, ReportedValue
from evalsuite.tasks.registry import load_task
from evalsuite.tasks.schema import Task
from evalsuite.util.validation import StrictModel, first_problem
from evalsuite.util.yaml_file import read_yaml

AVERAGE, GAIN = "average", "gain"
ABSENT = "-"
MAX_BYTES = 1 << 20
_PERCENT = re.compile(r"\d{1,3}(\.\d{1,4})?")
_SIGNED = re.compile(r"[+-]?\d{1,3}(\.\d{1,4})?")


@cache
def card(name: str) -> Task:
    """Return a task's card; each is read once."""
    return load_task(name)


class PublishedColumn(StrictModel):
    """What a column of a document is about, as the document states it."""

    heading: str
    task: str = ""
    also: tuple[str, ...] = ()
    benchmark: str = ""
    """Required if it is none of the tasks here."""
    metric: Metric = "accuracy"
    n_stated: int | None = Field(default=None, gt=0, le=1_000_000)
    plausible_n: dict[int, str] = Field(default_factory=dict)
    """Other numbers of items that copies of the benchmark are known to have, each with the reason."""
    split: str = UNSTATED
    options_stated: int | None = Field(default=None, ge=2)
    caveat: str = ""


class PublishedRow(StrictModel):
    """One model's values, in the order of the table's columns, then the average, then the gain."""

    model: str
    stage: str = ""
    label: str = ""
    """The row's name as printed, if it is not the model's."""
    over: str = ""
    """Label of the row to which the gain refers."""
    values: str
    lineage: str = ""
    protocol: dict[str, str] = Field(default_factory=dict)

    @property
    def name(self) -> str:
        """The row's name as printed."""
        return self.label or self.model


class PublishedTable(StrictModel):
    """A table: its columns by key, and the headings of its average and of its gain if it prints them."""

    name: str
    columns: tuple[str, ...]
    average: str = ""
    gain: str = ""
    rows: tuple[PublishedRow, ...]

    @property
    def keys(self) -> tuple[str, ...]:
        """The keys of all values of a row, in order."""
        return (*self.columns, *([AVERAGE] if self.average else []), *([GAIN] if self.gain else []))

    def cells(self, row: PublishedRow) -> dict[str, str]:
        """Return a row's printed values by column key, without absent ones."""
        return {key: cell for key, cell in zip(self.keys, row.values.split(), strict=True) if cell != ABSENT}


class Mention(StrictModel):
    """A value in running text."""

    model: str
    stage: str = ""
    column: str
    value: str
    at: str
    cites: str = ""
    lineage: str = ""
    protocol: dict[str, str] = Field(default_factory=dict)
    caveat: str = ""


class ReportedDifference(StrictModel):
    """A difference between two values of the document, as its text prints it."""

    model: str
    stage: str = ""
    minus: str
    column: str
    value: str
    at: str


class Claim(StrictModel):
    """A statement of a document about a system, without a value for a benchmark."""

    model: str
    text: str
    at: str
    cites: str = ""


class PublishedDocument(StrictModel):
    """A source and every value taken from it."""

    name: str
    source: Reference
    seen: Literal["document", "quoted"]
    measured_here: Literal[False] = False
    lineage: str
    protocol: EvaluationProtocol = EvaluationProtocol()
    columns: dict[str, PublishedColumn]
    tables: tuple[PublishedTable, ...] = ()
    text: tuple[Mention, ...] = ()
    differences: tuple[ReportedDifference, ...] = ()
    claims: tuple[Claim, ...] = ()

    def reported_values(self) -> tuple[ReportedValue, ...]:
        """Return its values, tables first."""
        values = (*self._of_tables(), *self._of_text())
        items = {key: _likely_n([v for v in values if v.column == key]) for key in self.columns}
        return tuple(v.model_copy(update={"n": items.get(v.column)}) for v in values)

    def _of_tables(self) -> Iterator[ReportedValue]:
        for table in self.tables:
            for row in table.rows:
                for key, printed in table.cells(row).items():
                    yield self._value(row, printed=printed, table=table.name, row=row.name, **self._facts(key, table))

    def _of_text(self) -> Iterator[ReportedValue]:
        for mention in self.text:
            facts = self._facts(mention.column, None)
            facts["caveat"] = f"{facts['caveat']} {mention.caveat}".strip()
            yield self._value(mention, printed=mention.value, table=mention.at, row="", cites=mention.cites, **facts)

    def _facts(self, key: str, table: PublishedTable | None) -> dict[str, object]:
        """Return everything about a value that its column states."""
        if table is not None and key in (AVERAGE, GAIN):
            heading = table.average if key == AVERAGE else table.gain
            return {"column": key, "heading": heading, "metric": key, "benchmark": f"{len(table.columns)} benchmarks"}
        column = self.columns[key]
        names = (column.task, *column.also) if column.task else ()
        known = {column.n_stated, *column.plausible_n, *(card(name).items for name in names)}
        shared = column.model_dump(exclude={"plausible_n", "benchmark"})
        return {
            **shared,
            "column": key,
            "benchmark": column.benchmark or card(column.task).title,
            "plausible_n": tuple(sorted(n for n in known if n)),
        }

    def _value(self, stated: PublishedRow | Mention, **facts: object) -> ReportedValue:
        return ReportedValue.model_validate(
            {
                **facts,
                "document": self.name,
                "source": self.source,
                "seen": self.seen,
                "lineage": stated.lineage or self.lineage,
                "model": stated.model,
                "stage": stated.stage,
                "protocol": self.protocol.model_copy(update=stated.protocol),
            }
        )


def _likely_n(values: list[ReportedValue]) -> int | None:
    """Return the plausible n that most values of a column fit, the smallest if several do."""
    numbers = values[0].plausible_n if values and values[0].metric == "accuracy" else ()
    return max(numbers, key=lambda n: (sum(grim.fits(v.printed, n) for v in values), -n), default=None)


def read(path: Path) -> PublishedDocument:
    """Read one file; a `BaselineError` names the file, the place and the problem."""
    import orjson

    content = read_yaml(path, MAX_BYTES, BaselineError, ErrorCode.INVALID_PUBLISHED_SCORES)
    if not isinstance(content, dict):
        raise _invalid(f"{path}: a mapping of keys is expected")
    try:
        document = PublishedDocument.model_validate_json(
            orjson.dumps({**content, "name": path.stem}, option=orjson.OPT_NON_STR_KEYS)
        )
    except ValidationError as error:
        raise _invalid(f"{path}: {first_problem(error, 'document')}") from None
    except TypeError as error:
        raise _invalid(f"{path}: {error}") from None
    for problem in _problems(document):
        raise _invalid(f"{path}: {problem}")
    return document


def _invalid(message: str) -> BaselineError:
    return BaselineError(ErrorCode.INVALID_PUBLISHED_SCORES, message)


def _problems(document: PublishedDocument) -> Iterator[str]:
    """Yield the problems that make a file unusable."""
    for key, column in document.columns.items():
        yield from _column_problems(key, column)
    for table in document.tables:
        yield from _table_problems(table, document)
    for mention in document.text:
        where = f"text: {mention.model}: {mention.column}"
        yield from _check_percentage(where, mention.value)
        yield from _check_protocol(where, mention.protocol)
        if mention.column not in document.columns:
            yield f"{where}: no such column; there are: {', '.join(document.columns)}"
    for stated in document.differences:
        where = f"differences: {stated.model}: {stated.column}"
        if not _SIGNED.fullmatch(stated.value):
            yield f"{where}: {stated.value!r} is not a number of points"
        if stated.column != AVERAGE and stated.column not in document.columns:
            yield f"{where}: no such column"


def _column_problems(key: str, column: PublishedColumn) -> Iterator[str]:
    if key in (AVERAGE, GAIN):
        yield f"columns.{key}: the name is reserved for a table's average and gain"
    if column.metric in (AVERAGE, GAIN):
        yield f"columns.{key}: metric {column.metric} is reserved for what a table prints itself"
    if not (column.task or column.benchmark):
        yield f"columns.{key}: needs a task or, if there is none here, a benchmark"
    for name in (column.task, *column.also):
        try:
            _ = card(name) if name else None
        except UsageError as error:
            yield f"columns.{key}: {error}"
    if any(n <= 0 for n in column.plausible_n):
        yield f"columns.{key}: plausible_n: a number of items is positive"


def _table_problems(table: PublishedTable, document: PublishedDocument) -> Iterator[str]:
    for key in table.columns:
        if key not in document.columns:
            yield f"{table.name}: no column {key!r}; there are: {', '.join(document.columns)}"
    for row in table.rows:
        where = f"{table.name}: {row.name}"
        cells = row.values.split()
        if len(cells) != len(table.keys):
            yield f"{where}: {len(cells)} values for {len(table.keys)} columns ({ABSENT} stands for an absent one)"
        for key, cell in zip(table.keys, cells, strict=True):
            if key == GAIN and not _SIGNED.fullmatch(cell):
                yield f"{where}: {key}: {cell!r} is not a number of points"
            elif key != GAIN and cell != ABSENT:
                yield from _check_percentage(f"{where}: {key}", cell)
        yield from _check_protocol(where, row.protocol)
        if row.over and row.over not in {other.name for other in table.rows}:
            yield f"{where}: over {row.over!r}: no such row"


def _check_percentage(where: str, printed: str) -> Iterator[str]:
    if not _PERCENT.fullmatch(printed) or float(printed) > 100:
        yield f"{where}: {printed!r} is not a percentage as printed (0 to 100, at most four digits behind the point)"


def _check_protocol(where: str, protocol: dict[str, str]) -> Iterator[str]:
    for key in protocol:
        if key not in EvaluationProtocol.model_fields:
            yield f"{where}: protocol: unknown key {key!r}; there are: {', '.join(EvaluationProtocol.model_fields)}"
