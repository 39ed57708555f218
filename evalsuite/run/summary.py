"""From a run's journal to grades.parquet and summary.json: what reports, comparisons and gates read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice, product
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow.json import ParseOptions, read_json

from evalsuite import parser
from evalsuite.errors import ErrorCode, RunError
from evalsuite.grading.grade import Grade
from evalsuite.grading.grade_log import GradeLog
from evalsuite.grading.loglikelihood import LoglikelihoodTally
from evalsuite.grading.repeated_samples import RepeatedSampleTally
from evalsuite.grading.robustness import RotationTally
from evalsuite.run.response_notes import ResponseNotes
from evalsuite.run.summary_schema import UNANSWERED, RunSummary
from evalsuite.run_folder import ResponseRecord, RunFolder, disk_error
from evalsuite.run_json import SCHEMA
from evalsuite.stats.clusters import Floats
from evalsuite.stats.intervals import Estimate, mean
from evalsuite.stats.macro_average import macro
from evalsuite.tasks.item import Item
from evalsuite.util.atomic_write import atomic_path
from evalsuite.util.checksum import with_checksum
from evalsuite.util.file_digest import sha256_of
from evalsuite.util.parquet_file import TableTooLargeError, bounded_batches

EXAMPLES = 3
"""Invalid responses of each task that are shown."""
_BATCH = 1024

Json = dict[str, Any]

GRADES = pa.schema(
    [
        ("task", pa.string()),
        ("item", pa.string()),
        ("rotation", pa.int32()),
        ("sample", pa.int32()),
        ("group", pa.string()),
        ("gold", pa.string()),
        ("label", pa.string()),
        ("status", pa.string()),
        ("correct", pa.bool_()),
        ("span_start", pa.int64()),
        ("span_end", pa.int64()),
        ("label_lenient", pa.string()),
        ("status_lenient", pa.string()),
        ("correct_lenient", pa.bool_()),
        ("span_start_lenient", pa.int64()),
        ("span_end_lenient", pa.int64()),
        ("form", pa.string()),
        ("finish", pa.string()),
        ("input_tokens", pa.int64()),
        ("output_tokens", pa.int64()),
        ("latency", pa.float64()),
        ("meta", pa.string()),
    ]
)
"""One row per response, null where there is none; `meta` is a JSON object of the item's subgroups."""


@dataclass(frozen=True, slots=True)
class InvalidExample:
    """A response without a valid answer, as an example."""

    task: str
    grade: Grade
    record: ResponseRecord


@dataclass(frozen=True, slots=True)
class GradedRun:
    """The content of summary.json, and examples of invalid responses, which only the terminal shows."""

    summary: RunSummary
    examples: list[InvalidExample]


class GradedTask(Protocol):
    """A task of a run as a summary needs it: a `PreparedTask`, or one that another harness graded."""

    @property
    def name(self) -> str:
        """The task's name."""

    @property
    def items(self) -> tuple[Item, ...]:
        """The items of this run."""

    @property
    def total(self) -> int:
        """Items of the whole task."""

    @property
    def identity(self) -> Json:
        """Everything that must be equal for two runs to have answered the same questions."""

    @property
    def notes(self) -> tuple[str, ...]:
        """Facts about the data and the prompts that a reader must know."""

    @property
    def parser(self) -> str:
        """Version of the parser, or the name of the harness that graded the responses."""

    @property
    def trivial_baselines(self) -> dict[str, float]:
        """Accuracy of rules without a model."""

    @property
    def chance(self) -> float:
        """Expected accuracy of a uniform guess."""

    def rotations(self, item: Item) -> range:
        """The option rotations under which an item was requested."""

    def grade(self, item: Item, record: ResponseRecord) -> Grade:
        """Grade a response."""


def summarise(
    folder: RunFolder, prepared_tasks: Iterable[GradedTask], grades: Mapping[str, GradeLog] | None = None
) -> GradedRun:
    """Grade every response of the journal, replace grades.parquet and summary.json, and return the latter.

    `grades` are the grades by task that a run already has of its journal; the other responses are graded here.
    """
    facts, known = folder.facts, grades or {}
    identity = facts["identity"]
    tallies = [_TaskTally(prepared, identity["samples"], known.get(prepared.name)) for prepared in prepared_tasks]
    examples: list[InvalidExample] = []
    file = folder.path / "grades.parquet"
    try:
        with atomic_path(file) as partial:
            _write(partial, tallies, folder, examples)
    except OSError as error:
        raise disk_error(file, error) from None
    backend_notes = facts.get("backend_notes", {}).values()
    summary = RunSummary.model_validate(
        {
            "schema": SCHEMA,
            "model": identity["model"],
            **({"adapter": identity["adapter"]} if identity.get("adapter") else {}),
            "run": folder.path.resolve().name,
            "parser": parser_of([tally.prepared for tally in tallies]),
            "decoding": facts.get("decoding", identity["decoding"]),
            "tasks": {tally.prepared.name: tally.summary(backend_notes) for tally in tallies},
            "macro": macro([tally.accuracy(tally.strict) for tally in tallies]),
            "digests": _digests(folder, [tally.prepared.name for tally in tallies]),
        }
    )
    content = with_checksum(summary.to_json())
    folder.write_json("summary.json", content)
    return GradedRun(RunSummary.model_validate(content), examples)


def _digests(folder: RunFolder, tasks: Iterable[str]) -> Json:
    """Return the digests of the files that a summary is made from."""
    files = {task: folder.journal(task) for task in tasks}
    try:
        return {
            "grades": sha256_of(folder.path / "grades.parquet"),
            "responses": {task: sha256_of(file) for task, file in files.items() if file.exists()},
        }
    except OSError as error:
        raise disk_error(folder.path, error) from None


def read_grades(path: Path) -> pa.Table:
    """Read a grades.parquet; one that was written before options could be rotated gets the column, 0 in every row.

    One that unpacks to more than a file of its size may hold is a `RunError`.
    """
    try:
        batches = [*bounded_batches(path, path.stat().st_size, page_checksum_verification=True)]
    except TableTooLargeError as error:
        raise RunError(ErrorCode.RUN_UNREADABLE, f"{path}: {error}: no table of grades") from None
    table = pa.Table.from_batches(batches, None if batches else GRADES)
    if "shift" in table.column_names:  # schema version 1
        table = table.rename_columns(["rotation" if name == "shift" else name for name in table.column_names])
    if "rotation" in table.column_names:
        return table
    return table.append_column(GRADES.field("rotation"), pa.array(np.zeros(table.num_rows, np.int32)))


def parser_of(prepared_tasks: Iterable[GradedTask]) -> str:
    """Return the parser of a run: our version if it graded any task, otherwise the harnesses that graded them."""
    parsers = {prepared.parser for prepared in prepared_tasks}
    return parser.VERSION if parser.VERSION in parsers else ", ".join(sorted(parsers))


def _write(path: Path, tallies: Iterable[_TaskTally], folder: RunFolder, examples: list[InvalidExample]) -> None:
    with pq.ParquetWriter(path, GRADES, compression="zstd", write_page_checksum=True) as table:
        for tally in tallies:
            for batch in _batches(tally.rows(folder, examples)):
                table.write_table(_table(batch))


class _TaskTally:
    """Counts over one task."""

    def __init__(self, prepared: GradedTask, samples: int, log: GradeLog | None) -> None:
        self.prepared, self.samples, self.log = prepared, samples, log
        self.items: dict[str, Item] = {item.id: item for item in prepared.items}
        self.place = {name: place for place, name in enumerate(self.items)}
        self.strict = np.zeros(len(self.items))
        self.lenient = np.zeros(len(self.items))
        self.status: Counter[str] = Counter()
        self.status_lenient: Counter[str] = Counter()
        self.tokens: Counter[str] = Counter()
        self.response_notes = ResponseNotes(prepared.identity.get("format"))
        rotations = [len(prepared.rotations(item)) for item in self.items.values()]
        self.requested = np.array(rotations) * samples
        identity = prepared.identity
        rotated, scoring = identity.get("rotate_options"), identity.get("scoring", "generate")
        self.rotation = RotationTally(prepared.items, rotations, samples) if rotated else None
        self.loglikelihood = None if scoring == "generate" else LoglikelihoodTally(prepared.items, scoring)
        self.repeated, self.repeated_lenient = (
            RepeatedSampleTally(prepared.items, rotations, samples) if samples > 1 else None for _ in range(2)
        )

    def rows(self, folder: RunFolder, examples: list[InvalidExample]) -> Iterator[Json]:
        """Grade the journal's records, then add a row for each request without a response."""
        seen: set[tuple[str, int, int]] = set()
        earlier = len(examples)
        for position, record in enumerate(folder.records(self.prepared.name)):
            item = self.items.get(record.item)
            key = (record.item, record.rotation, record.sample)
            if item is None or key in seen or not self._requested(item, record):
                raise RunError(
                    ErrorCode.JOURNAL_MALFORMED,
                    f"{folder.journal(self.prepared.name)}: {record.item} is unknown or answered twice",
                )
            seen.add(key)
            grade = (self.log and self.log.grade_of(position, record)) or self.prepared.grade(item, record)
            self._count(item, grade, record)
            if grade.strict.status != "ok" and len(examples) < earlier + EXAMPLES:
                examples.append(InvalidExample(self.prepared.name, grade, record))
            yield _row(self.prepared.name, item, grade, record)
        for item in self.items.values():
            for rotation, sample in product(self.prepared.rotations(item), range(self.samples)):
                if (item.id, rotation, sample) not in seen:
                    self.status[UNANSWERED] += 1
                    self.status_lenient[UNANSWERED] += 1
                    yield _empty_row(self.prepared.name, item, rotation, sample)

    def _requested(self, item: Item, record: ResponseRecord) -> bool:
        return record.rotation in self.prepared.rotations(item) and record.sample in range(self.samples)

    def _count(self, item: Item, grade: Grade, record: ResponseRecord) -> None:
        place = self.place[grade.item]
        self.strict[place] += grade.strict.correct
        self.lenient[place] += grade.lenient.correct
        self.status[grade.strict.status] += 1
        self.status_lenient[grade.lenient.status] += 1
        self.response_notes.add(record, grade)
        self.tokens["input"] += record.input_tokens or 0
        self.tokens["output"] += record.output_tokens or 0
        if self.loglikelihood is not None:
            self.loglikelihood.add(item, record)
        if self.rotation is not None:
            self.rotation.add(item, grade)
        if self.repeated is not None and self.repeated_lenient is not None:
            self.repeated.add(grade, grade.strict)
            self.repeated_lenient.add(grade, grade.lenient)

    def accuracy(self, right: Floats) -> Estimate:
        """Return the accuracy in one parse mode, given how often each item was right."""
        groups = [item.group or item.id for item in self.items.values()]  # as grades.parquet has them
        return mean(right / self.requested, groups, int(self.requested.sum()) // len(self.requested))

    def summary(self, backend_notes: Iterable[str]) -> Json:
        """Return the task's entry in summary.json, as `TaskSummary` takes it."""
        content = {
            **self.prepared.identity,
            "items": self.prepared.total,
            "samples": self.samples,
            "accuracy": self.accuracy(self.strict),
            "accuracy_lenient": self.accuracy(self.lenient),
            "status": dict(self.status.most_common()),
            "status_lenient": dict(self.status_lenient.most_common()),
            "trivial_baselines": self.prepared.trivial_baselines,
            "chance": self.prepared.chance,
            "tokens": dict(self.tokens),
            "notes": [*self.prepared.notes, *backend_notes, *self.response_notes.lines()],
        }
        if self.loglikelihood is not None:
            content |= self.loglikelihood.summary()
        if self.rotation is not None:
            content["robustness"] = self.rotation.summary()
        if self.repeated is not None and self.repeated_lenient is not None:
            content["repeated_samples"] = self.repeated.summary()
            content["repeated_samples_lenient"] = self.repeated_lenient.summary()
        return content


def _row(task: str, item: Item, grade: Grade, record: ResponseRecord) -> Json:
    strict, lenient = grade.strict, grade.lenient
    return {
        **_empty_row(task, item, grade.rotation, grade.sample),
        "label": strict.label,
        "status": strict.status,
        "correct": strict.correct,
        "span_start": strict.span and strict.span[0],
        "span_end": strict.span and strict.span[1],
        "label_lenient": lenient.label,
        "status_lenient": lenient.status,
        "correct_lenient": lenient.correct,
        "span_start_lenient": lenient.span and lenient.span[0],
        "span_end_lenient": lenient.span and lenient.span[1],
        "form": grade.form,
        "finish": record.finish,
        "input_tokens": record.input_tokens,
        "output_tokens": record.output_tokens,
        "latency": record.latency,
    }


def _empty_row(task: str, item: Item, rotation: int, sample: int) -> Json:
    return {
        "task": task,
        "item": item.id,
        "rotation": rotation,
        "sample": sample,
        "group": item.group or item.id,
        "gold": item.gold,
        "status": UNANSWERED,
        "correct": False,
        "status_lenient": UNANSWERED,
        "correct_lenient": False,
        "meta": orjson.dumps(dict(item.meta)).decode(),
    }


def _table(rows: Iterable[Json]) -> pa.Table:
    """Convert rows to an Arrow table."""
    # By way of JSON lines, because pyarrow imports pandas to convert Python objects, which takes half a second.
    lines = b"\n".join(map(orjson.dumps, rows))
    return read_json(pa.BufferReader(lines), parse_options=ParseOptions(explicit_schema=GRADES))


def _batches(rows: Iterator[Json]) -> Iterator[list[Json]]:
    while batch := list(islice(rows, _BATCH)):
        yield batch
