"""A finished run as comparisons, reports and gates read it: summary.json and grades.parquet, and nothing else.

A run that someone committed as a baseline is a file that someone may have edited, cut or merged: what is read here is
complete, finite and the same in both files, or it is a `RunError`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError, ValidationInfo, field_validator

from evalsuite.errors import RunError
from evalsuite.models.backend import Scoring
from evalsuite.run.summary import GRADES, UNANSWERED, read_grades
from evalsuite.run_folder import SCHEMA
from evalsuite.schema_v1 import upgrade_summary
from evalsuite.stats.clusters import Floats, Ints
from evalsuite.util.validation import first_problem

LARGEST = 16 << 20
"""Bytes of the largest summary.json that is read."""
_NEEDED = (
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
_READINGS = (("correct", "status", "accuracy"), ("correct_lenient", "status_lenient", "accuracy_lenient"))

ParseMode = Literal["strict", "lenient"]
Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=0, le=1_000_000_000)]


class _Fact(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True)


class _Interval(_Fact):
    value: Share
    low: Share
    high: Share


class _Rotation(_Fact):
    n: Count
    accuracy: _Interval
    deviation: Annotated[float, Field(ge=-1, le=1, allow_inf_nan=False)]


class _Robustness(_Fact):
    n: Count
    not_rotated: Count
    rotations: Annotated[list[_Rotation], Field(min_length=2)]
    worst: Count
    same_text: _Interval
    all_right: _Interval
    p: Share

    @field_validator("worst")
    @classmethod
    def _is_a_shift(cls, worst: int, info: ValidationInfo) -> int:
        if worst >= len(info.data.get("rotations", ())):
            raise ValueError("there is no such rotation")
        return worst


class _Task(_Fact):
    """What a task's entry in summary.json holds at least."""

    version: int | str
    data_digest: str
    prompt_digest: str
    format: str
    scoring: Scoring = "generate"
    n: Annotated[int, Field(gt=0, le=1_000_000_000)]
    items: Count
    samples: Annotated[int, Field(gt=0, le=1_000_000)]
    accuracy: _Interval
    accuracy_lenient: _Interval
    status: dict[str, Count]
    status_lenient: dict[str, Count]
    rotate_options: bool = False
    robustness: _Robustness | None = None

    @field_validator("items")
    @classmethod
    def _not_fewer(cls, items: int, info: ValidationInfo) -> int:
        if items < info.data.get("n", 0):
            raise ValueError("the task has fewer items than were answered")
        return items


class _Summary(_Fact):
    """What a summary.json of this schema holds at least."""

    schema_: Annotated[Literal[2], Field(alias="schema")]
    model: str
    run: str
    parser: str
    decoding: dict[str, Any]
    tasks: Annotated[dict[str, _Task], Field(min_length=1)]


@dataclass(frozen=True, slots=True)
class ItemScores:
    """The grades of one task, in the order of item ids; every array has one entry an item.

    With rotated options items differ in the number of their responses.
    """

    items: NDArray[np.object_]
    groups: NDArray[np.object_]
    """Cluster of each item; an item alone is named by its own id."""
    strict: Floats
    """Mean over the item's responses of 1 for right and 0 for wrong."""
    lenient: Floats
    samples: int
    """Samples an item, of each order of its options."""
    starts: Ints
    """The item's first row in `table`."""
    table: pa.Table
    """All rows of the task, sorted by item, rotation and sample."""

    @property
    def counts(self) -> Ints:
        """Responses to each item."""
        return np.diff(self.starts, append=self.table.num_rows)

    @property
    def answers(self) -> int:
        """Responses an item as statistics count them, rounded down where items differ in it."""
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
        column = self.table["status" if parse_mode == "strict" else "status_lenient"]
        return int(pc.sum(pc.equal(column, status)).as_py()) / int(self.table.num_rows)

    def invalid(self, parse_mode: ParseMode = "strict") -> float:
        """Share of responses without a valid answer."""
        return 1 - self.share("ok", parse_mode)


@dataclass(frozen=True)
class RunResult:
    """One run's numbers."""

    path: Path
    summary: Mapping[str, Any]

    @property
    def model(self) -> str:
        """backend/model."""
        return str(self.summary["model"])

    @property
    def tasks(self) -> Mapping[str, Mapping[str, Any]]:
        """The tasks of summary.json."""
        tasks: Mapping[str, Mapping[str, Any]] = self.summary["tasks"]
        return tasks

    def is_rotated(self, task: str) -> bool:
        """Whether each item of a task was asked in each cyclic order of its options."""
        return bool(self.tasks[task].get("rotate_options", False))

    def unanswered(self, task: str) -> int:
        """Responses of a task that are missing: more than 0 where a run was cut short."""
        return int(self.tasks[task]["status"].get(UNANSWERED, 0))

    @cached_property
    def _grades(self) -> pa.Table:
        path, expected = self.path / "grades.parquet", sum(responses(task) for task in self.tasks.values())
        try:
            found = pq.read_metadata(path).num_rows
            if found != expected:
                raise RunError(f"{path}: has {found} rows; summary.json counts {expected} responses")
            table = read_grades(path)
        except FileNotFoundError:
            raise RunError(f"{path}: is missing; a run is read from it and summary.json together") from None
        except (OSError, pa.ArrowException) as error:
            raise RunError(f"{path}: can't be read: {' '.join(str(error).split())}") from None
        for name in _NEEDED:
            if name not in table.column_names or table.schema.field(name).type != GRADES.field(name).type:
                raise RunError(f"{path}: column {name} is missing or of another type")
            if table[name].null_count:
                raise RunError(f"{path}: column {name} has {table[name].null_count} empty cells")
        return table

    def scores(self, task: str) -> ItemScores:
        """The grades of a task; grades that don't add up to the summary's figures are a `RunError`."""
        if task not in self.tasks:
            raise RunError(f"{self.path}: has no task {task}; it has {', '.join(self.tasks)}")
        facts, samples = self.tasks[task], int(self.tasks[task]["samples"])
        table = self._grades.filter(pc.equal(self._grades["task"], task))
        table = table.sort_by([(name, "ascending") for name in ("item", "rotation", "sample")])
        if table.num_rows != responses(facts):
            raise RunError(f"{self.path}: grades.parquet has {table.num_rows} rows of {task}, not summary.json's count")
        items, starts = np.unique(table["item"].to_numpy(zero_copy_only=False), return_index=True)
        if len(items) != facts["n"] or not _numbered(table, starts, samples, self.is_rotated(task)):
            raise RunError(f"{self.path}: grades.parquet has an item of {task} twice, or one with too few samples")
        scores = ItemScores(
            items=items,
            groups=table["group"].to_numpy(zero_copy_only=False)[starts],
            strict=_per_item(table["correct"], starts),
            lenient=_per_item(table["correct_lenient"], starts),
            samples=samples,
            starts=starts,
            table=table,
        )
        self._agree(task, scores)
        return scores

    def _agree(self, task: str, scores: ItemScores) -> None:
        """Refuse grades that summary.json tells otherwise."""
        facts = self.tasks[task]
        for correct, status, accuracy in _READINGS:
            said = facts[accuracy]["value"]
            found = (scores.strict if correct == "correct" else scores.lenient).mean()
            if not math.isclose(found, said, abs_tol=1e-9):
                raise RunError(f"{self.path}: the grades of {task} give {found:.4f}, summary.json says {said:.4f}")
            counted = {str(row["values"]): row["counts"] for row in scores.table[status].value_counts().to_pylist()}
            if counted != {name: count for name, count in facts[status].items() if count}:
                raise RunError(f"{self.path}: the grades of {task} have other {status} counts than summary.json")
            if pc.any(pc.and_(scores.table[correct], pc.not_equal(scores.table[status], "ok"))).as_py():
                raise RunError(f"{self.path}: grades.parquet calls an answer to {task} right that has no valid label")


def read_result(path: Path) -> RunResult:
    """Read a run folder, or the summary.json in it; anything that isn't a summary of this schema is a `RunError`."""
    file = path / "summary.json" if path.is_dir() else path
    try:
        if file.stat().st_size > LARGEST:
            raise RunError(f"{file}: larger than {LARGEST} bytes; that is no summary")
        summary = orjson.loads(file.read_bytes())
    except FileNotFoundError:
        raise RunError(f"{file}: no summary is here; did the run finish?") from None
    except (OSError, orjson.JSONDecodeError) as error:
        raise RunError(f"{file}: can't be read: {error}") from None
    if isinstance(summary, dict) and summary.get("schema") == 1:
        summary = upgrade_summary(summary)
    if not isinstance(summary, dict) or summary.get("schema") != SCHEMA or not summary.get("tasks"):
        raise RunError(f"{file}: not a summary of schema {SCHEMA} or 1, which this version reads")
    try:
        _Summary.model_validate(summary)
    except ValidationError as error:
        raise RunError(f"{file}: {first_problem(error, 'summary')}") from None
    return RunResult(file.parent, summary)


def responses(facts: Mapping[str, Any]) -> int:
    """Responses that a task's entry in summary.json counts; with rotated options items differ in their number."""
    return sum(facts["status"].values()) if facts.get("rotate_options") else int(facts["n"] * facts["samples"])


def _numbered(table: pa.Table, starts: Ints, samples: int, moved: bool) -> bool:
    """Whether each item has all samples of rotation 0, or of the rotations from 0 on, and nothing twice."""
    counts = np.diff(starts, append=table.num_rows)
    rotation, sample = np.divmod(np.arange(table.num_rows) - np.repeat(starts, counts), samples)
    whole = (counts % samples == 0) if moved else (counts == samples)
    held = np.array_equal(table["rotation"].to_numpy(), rotation) and np.array_equal(table["sample"].to_numpy(), sample)
    return bool(whole.all()) and held


def _per_item(column: pa.ChunkedArray, starts: Ints) -> Floats:
    verdicts = column.to_numpy(zero_copy_only=False).astype(np.float64)
    return np.add.reduceat(verdicts, starts) / np.diff(starts, append=len(verdicts))
