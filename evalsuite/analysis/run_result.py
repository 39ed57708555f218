"""A finished run as comparisons, reports and gates see it: summary.json and grades.parquet, and nothing else.

A run that someone committed as a baseline is a file that someone may have edited, cut or merged: what is read here is
complete, finite and the same in both files, or it is a `RunError`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray
from pydantic import ValidationError

from evalsuite.analysis.grade_checks import COLUMNS, contradictions, identity_contradictions, macro_contradiction
from evalsuite.errors import ErrorCode, RunError
from evalsuite.run.summary import GRADES, read_grades
from evalsuite.run.summary_schema import ParseMode, RunSummary, TaskSummary
from evalsuite.run_folder_v1 import upgrade_summary
from evalsuite.run_json import SCHEMA, read_run_json
from evalsuite.stats.clusters import Floats, Ints
from evalsuite.util.checksum import checksum_error
from evalsuite.util.file_digest import sha256_of
from evalsuite.util.jsonl import parse_json
from evalsuite.util.regular_file import read_regular_file
from evalsuite.util.validation import first_problem

LARGEST = 16 << 20
"""Bytes of the largest summary.json that is read."""
_FILLED_COLUMNS = (
    "task",
    "item",
    "rotation",
    "sample",
    "group",
    "gold",
    "status",
    "correct",
    "status_lenient",
    "correct_lenient",
)
"""Columns that have a value in every row."""


@dataclass(frozen=True, slots=True)
class ItemScores:
    """The grades of one task, in the order of item ids; every array has shape (items,).

    With rotated options items differ in the number of their responses.
    """

    items: NDArray[np.object_]
    groups: NDArray[np.object_]
    """Cluster of each item; an item without one is named by its own id."""
    strict: Floats
    """Mean over the item's responses of 1 for right and 0 for wrong."""
    lenient: Floats
    samples: int
    """Samples per item and option rotation."""
    starts: Ints
    """The item's first row in `table`."""
    table: pa.Table
    """All rows of the task, sorted by item, rotation and sample."""

    @property
    def counts(self) -> Ints:
        """Number of responses to each item."""
        return np.diff(self.starts, append=self.table.num_rows)

    @property
    def answers(self) -> int:
        """Responses per item as statistics count them, rounded down where items differ in it."""
        return int(self.table.num_rows) // len(self.items)

    @property
    def repeatable(self) -> bool:
        """Whether further samples could be drawn; with rotated options an item has as many orders as it has."""
        return int(self.table.num_rows) == self.samples * len(self.items)

    def of_items(self, column: str) -> NDArray[Any]:
        """A column that is the same in all rows of an item."""
        values: NDArray[Any] = self.table[column].to_numpy(zero_copy_only=False)
        return values[self.starts]

    def share(self, status: str, parse_mode: ParseMode = "strict") -> float:
        """Share of responses that have this status."""
        column = self.table[COLUMNS[parse_mode][1]]
        return int(pc.sum(pc.equal(column, status)).as_py()) / int(self.table.num_rows)

    def invalid(self, parse_mode: ParseMode = "strict") -> float:
        """Share of responses without a valid answer."""
        return 1 - self.share("ok", parse_mode)


@dataclass(frozen=True)
class RunResult:
    """The summary of one run, with access to its grades."""

    path: Path
    summary: RunSummary
    written_as: int = SCHEMA
    """Schema version of the summary.json on disk."""

    @property
    def model(self) -> str:
        """The model as backend/model."""
        return self.summary.model

    @cached_property
    def full_model(self) -> str:
        """The model with the adapter that was applied to it, as people read it: `hf/base + adapter`."""
        file = self.path / "run.json"
        adapter = read_run_json(file)["identity"].get("adapter") if file.exists() else None
        return f"{self.model} + {str(adapter).rstrip('/').rpartition('/')[2]}" if adapter else self.model

    @property
    def tasks(self) -> Mapping[str, TaskSummary]:
        """The tasks of summary.json by name."""
        return self.summary.tasks

    @cached_property
    def _grades(self) -> pa.Table:
        path, expected = self.path / "grades.parquet", sum(task.responses for task in self.tasks.values())
        try:
            rows = pq.read_metadata(path).num_rows
            if rows != expected:
                raise RunError(
                    ErrorCode.RUN_INCONSISTENT, f"{path}: has {rows} rows; summary.json counts {expected} responses"
                )
            digests = self.summary.digests
            if digests is not None and sha256_of(path) != digests.grades:
                raise self._inconsistent(
                    "grades.parquet isn't the file that summary.json was made with: make them anew with evalsuite "
                    "regrade or evalsuite runs finish"
                )
            table = read_grades(path)
        except FileNotFoundError:
            raise RunError(
                ErrorCode.RUN_NOT_FOUND, f"{path}: is missing; a run is read from it and summary.json together"
            ) from None
        except (OSError, pa.ArrowException) as error:
            raise RunError(ErrorCode.RUN_UNREADABLE, f"{path}: can't be read: {' '.join(str(error).split())}") from None
        check_columns(table, path)
        return table

    def scores(self, task: str) -> ItemScores:
        """Return the grades of a task; grades that don't add up to the summary's numbers are a `RunError`."""
        if task not in self.tasks:
            raise RunError(
                ErrorCode.RUNS_NOT_COMPARABLE, f"{self.path}: has no task {task}; it has {', '.join(self.tasks)}"
            )
        summary = self.tasks[task]
        table = self._grades.filter(pc.equal(self._grades["task"], task))
        table = table.sort_by([(name, "ascending") for name in ("item", "rotation", "sample")])
        if table.num_rows != summary.responses:
            raise self._inconsistent(f"grades.parquet has {table.num_rows} rows of {task}, not summary.json's count")
        items, starts = np.unique(table["item"].to_numpy(zero_copy_only=False), return_index=True)
        if len(items) != summary.n or not _numbered(table, starts, summary.samples, summary.rotate_options):
            raise self._inconsistent(f"grades.parquet has an item of {task} twice, or one with too few samples")
        scores = ItemScores(
            items=items,
            groups=table["group"].to_numpy(zero_copy_only=False)[starts],
            strict=_item_means(table["correct"], starts),
            lenient=_item_means(table["correct_lenient"], starts),
            samples=summary.samples,
            starts=starts,
            table=table,
        )
        self._check(task, scores)
        return scores

    def _check(self, task: str, scores: ItemScores) -> None:
        """Refuse grades that contradict themselves or summary.json."""
        by_mode: dict[ParseMode, Floats] = {"strict": scores.strict, "lenient": scores.lenient}
        groups, exact = [str(group) for group in scores.groups], self.written_as > 1
        for problem in contradictions(task, self.tasks[task], scores.table, by_mode, groups, exact):
            raise self._inconsistent(problem)
        average = macro_contradiction(self.summary.macro, [each.accuracy for each in self.tasks.values()], exact)
        if average is not None:
            raise self._inconsistent(average)

    def check_responses(self) -> tuple[str, ...]:
        """Compare run.json and the journals with summary.json; what contradicts it is a `RunError`.

        Returns what could not be compared, one sentence each.
        """
        digests = self.summary.digests
        if digests is None:
            return (f"its summary.json (schema {self.written_as}) has no digests to compare its responses with",)
        journals = {task: self.path / "responses" / f"{task}.jsonl" for task in self.tasks}
        if (self.path / "run.json").exists():
            for problem in identity_contradictions(self.summary, read_run_json(self.path / "run.json")):
                raise self._inconsistent(f"{problem}: make it anew with evalsuite runs finish")
        if not any(journal.exists() for journal in journals.values()):
            return ("there are no responses to compare its grades with",)
        for task, journal in journals.items():
            stated = digests.responses.get(task)
            try:
                found = sha256_of(journal) if journal.is_file() else None
            except OSError as error:
                message = f"{journal}: can't be read: {error.strerror or error}"
                raise RunError(ErrorCode.RUN_UNREADABLE, message) from None
            if found != stated:
                raise self._inconsistent(
                    f"responses/{task}.jsonl isn't the journal that summary.json was made from: make them anew with "
                    "evalsuite runs finish"
                )
        return ()

    def _inconsistent(self, message: str) -> RunError:
        return RunError(ErrorCode.RUN_INCONSISTENT, f"{self.path}: {message}")


def check_columns(table: pa.Table, path: Path) -> None:
    """Raise a `RunError` unless a table of grades has every column, of its type, and no empty cell where one is wrong.

    `path` names its file.
    """
    for field in GRADES:
        name = field.name
        if name not in table.column_names or table.schema.field(name).type != field.type:
            raise RunError(ErrorCode.RUN_UNREADABLE, f"{path}: column {name} is missing or of another type")
        if name in _FILLED_COLUMNS and table[name].null_count:
            raise RunError(ErrorCode.RUN_UNREADABLE, f"{path}: column {name} has {table[name].null_count} empty cells")


def read_result(path: Path) -> RunResult:
    """Read a run folder, or the summary.json in it; anything that isn't a summary of this schema is a `RunError`."""
    file = path / "summary.json" if path.is_dir() else path
    try:
        content = parse_json(read_regular_file(file, LARGEST))
    except FileNotFoundError:
        raise _not_found(path, file) from None
    except (OSError, ValueError) as error:
        raise RunError(ErrorCode.RUN_UNREADABLE, f"{file}: can't be read: {error}") from None
    written_as = content.get("schema") if isinstance(content, dict) else None
    if type(written_as) is not int or not 1 <= written_as <= SCHEMA or not content.get("tasks"):
        raise RunError(
            ErrorCode.RUN_SCHEMA_UNSUPPORTED,
            f"{file}: not a summary of schema 1 to {SCHEMA}, which this version reads",
        )
    damage = checksum_error(content, required=written_as == SCHEMA)
    if damage is not None:
        raise RunError(ErrorCode.RUN_UNREADABLE, f"{file}: {damage}; restore it, or run evalsuite runs finish")
    if written_as == 1:
        content = upgrade_summary(content)
    try:
        return RunResult(file.parent, RunSummary.model_validate({**content, "schema": SCHEMA}), written_as)
    except ValidationError as error:
        raise RunError(ErrorCode.RUN_UNREADABLE, f"{file}: {first_problem(error, 'summary')}") from None


def _not_found(path: Path, file: Path) -> RunError:
    """Return the error for a path without a summary.json: nothing there, no run, or a run without its end."""
    if not path.exists():
        return RunError(ErrorCode.RUN_NOT_FOUND, f"{path}: there is no such file or folder")
    if not (path / "run.json").exists():
        return RunError(ErrorCode.RUN_NOT_FOUND, f"{path}: there is no run (neither run.json nor summary.json)")
    return RunError(ErrorCode.RUN_NOT_FOUND, f"{file}: there is no summary: the run has not finished; resume it")


def _numbered(table: pa.Table, starts: Ints, samples: int, rotated: bool) -> bool:
    """Whether each item has all samples of rotation 0, or of the rotations from 0 on, and nothing twice."""
    counts = np.diff(starts, append=table.num_rows)
    # Where nothing is missing, a row's position behind the item's first row determines its rotation and sample.
    rotation, sample = np.divmod(np.arange(table.num_rows) - np.repeat(starts, counts), samples)
    complete = (counts % samples == 0) if rotated else (counts == samples)
    in_order = np.array_equal(table["rotation"].to_numpy(), rotation) and np.array_equal(
        table["sample"].to_numpy(), sample
    )
    return bool(complete.all()) and in_order


def _item_means(column: pa.ChunkedArray, starts: Ints) -> Floats:
    correct = column.to_numpy(zero_copy_only=False).astype(np.float64)
    return np.add.reduceat(correct, starts) / np.diff(starts, append=len(correct))
