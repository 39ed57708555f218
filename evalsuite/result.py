"""A finished run as comparisons, reports and gates read it: summary.json and grades.parquet, and nothing else."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from evalsuite.errors import RunError
from evalsuite.journal import SCHEMA
from evalsuite.stats.clusters import Floats


@dataclass(frozen=True, slots=True)
class Scores:
    """The grades of one task, in the order of item ids; every array has one entry an item."""

    items: NDArray[np.object_]
    groups: NDArray[np.object_]
    """Cluster of each item; an item alone is named by its own id."""
    strict: Floats
    """Mean over the item's samples of 1 for right and 0 for wrong."""
    lenient: Floats
    samples: int
    table: pa.Table
    """All rows of the task, sorted by item and sample."""

    @property
    def per_sample(self) -> NDArray[np.bool_]:
        """Strict verdicts, shape (items, samples)."""
        verdicts: NDArray[np.bool_] = self.table["correct"].to_numpy(zero_copy_only=False)
        return verdicts.reshape(len(self.items), self.samples)


@dataclass(frozen=True)
class Result:
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

    @cached_property
    def _grades(self) -> pa.Table:
        path = self.path / "grades.parquet"
        try:
            return pq.read_table(path)
        except (OSError, pa.ArrowException) as error:
            raise RunError(f"{path}: can't be read: {' '.join(str(error).split())}") from None

    def scores(self, task: str) -> Scores:
        """The grades of a task; grades that don't add up to the summary's figures are a `RunError`."""
        if task not in self.tasks:
            raise RunError(f"{self.path}: has no task {task}; it has {', '.join(self.tasks)}")
        samples = int(self.tasks[task]["samples"])
        table = self._grades.filter(pc.equal(self._grades["task"], task))
        table = table.sort_by([("item", "ascending"), ("sample", "ascending")])
        count, odd = divmod(table.num_rows, samples)
        if odd or count != self.tasks[task]["n"]:
            raise RunError(f"{self.path}: grades.parquet has {table.num_rows} rows of {task}, not summary.json's count")
        every = slice(None, None, samples)
        scores = Scores(
            items=table["item"].to_numpy(zero_copy_only=False)[every],
            groups=table["group"].to_numpy(zero_copy_only=False)[every],
            strict=_per_item(table["correct"], count, samples),
            lenient=_per_item(table["correct_lenient"], count, samples),
            samples=samples,
            table=table,
        )
        if len(set(scores.items)) != count:
            raise RunError(f"{self.path}: grades.parquet has an item of {task} twice, or one with too few samples")
        said, found = self.tasks[task]["accuracy"]["value"], scores.strict.mean()
        if not math.isclose(found, said, abs_tol=1e-9):
            raise RunError(f"{self.path}: the grades of {task} give {found:.4f}, summary.json says {said:.4f}")
        return scores


def read_result(path: Path) -> Result:
    """Read a run folder, or the summary.json in it; anything that isn't a summary of this schema is a `RunError`."""
    file = path / "summary.json" if path.is_dir() else path
    try:
        summary = orjson.loads(file.read_bytes())
    except FileNotFoundError:
        raise RunError(f"{file}: no summary is here; did the run finish?") from None
    except (OSError, orjson.JSONDecodeError) as error:
        raise RunError(f"{file}: can't be read: {error}") from None
    if not isinstance(summary, dict) or summary.get("schema") != SCHEMA or not summary.get("tasks"):
        raise RunError(f"{file}: not a summary of schema {SCHEMA}")
    return Result(file.parent, summary)


def _per_item(column: pa.ChunkedArray, items: int, samples: int) -> Floats:
    verdicts = column.to_numpy(zero_copy_only=False).astype(np.float64)
    means: Floats = verdicts.reshape(items, samples).mean(axis=1)
    return means
