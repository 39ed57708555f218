"""One file of `baselines/published/`: a document's tables and the numbers in its text, as they are printed."""

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
LARGEST = 1 << 20
_PERCENT = re.compile(r"\d{1,3}(\.\d{1,4})?")
_SIGNED = re.compile(r"[+-]?\d{1,3}(\.\d{1,4})?")


@cache
def card(name: str) -> Task:
    """Read a task's card, once."""
    return load_task(name)


class PublishedColumn(StrictModel):
    """What a column of a document is about, as the document states it."""

    heading: str
    task: str = ""
    also: tuple[str, ...] = ()
    benchmark: str = ""
    """Needed where no task of ours is meant."""
    metric: Metric = "accuracy"
    n_stated: int | None = Field(default=None, gt=0, le=1_000_000)
    plausible_n: dict[int, str] = Field(default_factory=dict)
    """Further numbers of items that copies of the benchmark are known to have, each with the reason."""
    split: str = UNSTATED
    options_stated: int | None = Field(default=None, ge=2)
    caveat: str = ""


class PublishedRow(StrictModel):
    """One model's numbers, in the order of the table's columns, then the average, then the gain."""

    model: str
    stage: str = ""
    label: str = ""
    """The row's name as printed, where it is another."""
    over: str = ""
    """Label of the row that the gain is over."""
    values: str
    lineage: str = ""
    protocol: dict[str, str] = Field(default_factory=dict)

    @property
    def name(self) -> str:
        """The row's name as printed."""
        return self.label or self.model


class PublishedTable(StrictModel):
    """A table: its columns by key, and the headings of its average and of its gain where it prints them."""

    name: str
    columns: tuple[str, ...]
    average: str = ""
    gain: str = ""
    rows: tuple[PublishedRow, ...]

    @property
    def keys(self) -> tuple[str, ...]:
        """Everything that a row holds, in order."""
        return (*self.columns, *([AVERAGE] if self.average else []), *([GAIN] if self.gain else []))

    def cells(self, row: PublishedRow) -> dict[str, str]:
        """Give a row's printed numbers by column key, absent ones left out."""
        return {key: cell for key, cell in zip(self.keys, row.values.split(), strict=True) if cell != ABSENT}


class Mention(StrictModel):
    """A number in running text."""

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
    """A difference between two numbers of the document, as its text prints it."""

    model: str
    stage: str = ""
    minus: str
    column: str
    value: str
    at: str


class Claim(StrictModel):
    """What a document says of a system without a number of its own for a benchmark."""

    model: str
    text: str
    at: str
    cites: str = ""


class PublishedDocument(StrictModel):
    """A source and every number taken from it."""

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

    def figures(self) -> tuple[ReportedValue, ...]:
        """List its numbers, tables first."""
        figures = (*self._of_tables(), *self._of_text())
        items = {key: _likely_n([f for f in figures if f.column == key]) for key in self.columns}
        return tuple(f.model_copy(update={"n": items.get(f.column)}) for f in figures)

    def _of_tables(self) -> Iterator[ReportedValue]:
        for table in self.tables:
            for row in table.rows:
                for key, printed in table.cells(row).items():
                    yield self._figure(row, printed=printed, table=table.name, row=row.name, **self._facts(key, table))

    def _of_text(self) -> Iterator[ReportedValue]:
        for said in self.text:
            facts = self._facts(said.column, None)
            facts["caveat"] = f"{facts['caveat']} {said.caveat}".strip()
            yield self._figure(said, printed=said.value, table=said.at, row="", cites=said.cites, **facts)

    def _facts(self, key: str, table: PublishedTable | None) -> dict[str, object]:
        """Everything about a number that its column says."""
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

    def _figure(self, stated: PublishedRow | Mention, **facts: object) -> ReportedValue:
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


def _likely_n(figures: list[ReportedValue]) -> int | None:
    """The plausible n that most numbers of a column fit, the smallest where several do."""
    numbers = figures[0].plausible_n if figures and figures[0].metric == "accuracy" else ()
    return max(numbers, key=lambda n: (sum(grim.fits(f.printed, n) for f in figures), -n), default=None)


def read(path: Path) -> PublishedDocument:
    """Read one file; a `BaselineError` names the file, the place and what is wrong with it."""
    import orjson

    facts = read_yaml(path, LARGEST, BaselineError, ErrorCode.INVALID_PUBLISHED_SCORES)
    if not isinstance(facts, dict):
        raise BaselineError(f"{path}: a mapping of keys is expected")
    try:
        document = PublishedDocument.model_validate_json(
            orjson.dumps({**facts, "name": path.stem}, option=orjson.OPT_NON_STR_KEYS)
        )
    except ValidationError as error:
        code = ErrorCode.INVALID_PUBLISHED_SCORES
        raise BaselineError(code, f"{path}: {first_problem(error, 'document')}") from None
    except TypeError as error:
        raise BaselineError(f"{path}: {error}") from None
    for problem in _problems(document):
        raise BaselineError(f"{path}: {problem}")
    return document


def _problems(document: PublishedDocument) -> Iterator[str]:
    """What makes a file unusable, first things first."""
    for key, column in document.columns.items():
        yield from _column_problems(key, column)
    for table in document.tables:
        yield from _table_problems(table, document)
    for said in document.text:
        where = f"text: {said.model}: {said.column}"
        yield from _number(where, said.value)
        yield from _protocol(where, said.protocol)
        if said.column not in document.columns:
            yield f"{where}: no such column; there are: {', '.join(document.columns)}"
    for stated in document.differences:
        where = f"differences: {stated.model}: {stated.column}"
        if not _SIGNED.fullmatch(stated.value):
            yield f"{where}: {stated.value!r} is not a number of points"
        if stated.column != AVERAGE and stated.column not in document.columns:
            yield f"{where}: no such column"


def _column_problems(key: str, column: PublishedColumn) -> Iterator[str]:
    if key in (AVERAGE, GAIN):
        yield f"columns.{key}: that name is taken; a table's own average and gain go by it"
    if column.metric in (AVERAGE, GAIN):
        yield f"columns.{key}: metric {column.metric} is a table's own"
    if not (column.task or column.benchmark):
        yield f"columns.{key}: needs a task or, where we have none, a benchmark"
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
                yield from _number(f"{where}: {key}", cell)
        yield from _protocol(where, row.protocol)
        if row.over and row.over not in {other.name for other in table.rows}:
            yield f"{where}: over {row.over!r}: no such row"


def _number(where: str, printed: str) -> Iterator[str]:
    if not _PERCENT.fullmatch(printed) or float(printed) > 100:
        yield f"{where}: {printed!r} is not a percentage as printed (0 to 100, at most four digits behind the point)"


def _protocol(where: str, protocol: dict[str, str]) -> Iterator[str]:
    for key in protocol:
        if key not in EvaluationProtocol.model_fields:
            yield f"{where}: protocol: unknown key {key!r}; there are: {', '.join(EvaluationProtocol.model_fields)}"
