"""Items of a run that stand in its model's training data, as the overlap.json of `evalsuite data overlap` lists them.

A file that was searched for other items than a run has would let a leak pass, so it is an error: another version of a
benchmark's data, an id that the run doesn't have.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Final, Literal

import numpy as np
import pyarrow as pa
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from evalsuite.analysis.comparability import Pairing, pair_scores
from evalsuite.analysis.run_result import ItemScores, RunResult
from evalsuite.errors import ErrorCode, RunError, UsageError
from evalsuite.util.jsonl import parse_json
from evalsuite.util.regular_file import read_regular_file
from evalsuite.util.validation import first_problem

LARGEST: Final = 64 << 20
"""Bytes of the largest overlap.json that is read."""
Overlaps = Mapping[Path, "TrainingOverlap"]
"""By the folder of a run, resolved: what its model's training data have."""


class _OverlapFile(BaseModel):
    """What is read of an overlap.json; its counts by file are for people."""

    model_config = ConfigDict(frozen=True, strict=True)

    schema_: Literal[2] = Field(alias="schema")
    rules: Annotated[list[str], Field(min_length=1)]
    data_digests: dict[str, str]
    items: dict[str, list[str]]


@dataclass(frozen=True, slots=True)
class TrainingOverlap:
    """The benchmark items that stand in one model's training data."""

    path: Path
    digest: str
    """SHA-256 of the file."""
    rules: tuple[str, ...]
    data_digests: Mapping[str, str]
    """The data that were searched for, by task."""
    items: Mapping[str, frozenset[str]]
    """Ids by task; a task that was searched for and isn't here has none."""

    def of(self, result: RunResult, task: str, known: frozenset[str]) -> frozenset[str] | None:
        """Return which items of a run's task the training data have; None if they were not searched for the task.

        `known`: the ids of the run's items.
        """
        if task not in self.data_digests:
            return None
        summary = result.tasks[task]
        if self.data_digests[task] != summary.data_digest:
            message = (
                f"{self.path}: was searched for another version of {task} (data digest {self.data_digests[task][:12]}) "
                f"than {result.path} has ({summary.data_digest[:12]}); search the training data again"
            )
            raise RunError(ErrorCode.RUNS_NOT_COMPARABLE, message)
        found = self.items.get(task, frozenset())
        if not summary.partial and (unknown := sorted(found - known)):
            message = f"{self.path}: {result.path} has no item {unknown[0]!r} of {task}; search the training data again"
            raise RunError(ErrorCode.RUNS_NOT_COMPARABLE, message)
        return found & known


class TaskOverlap(BaseModel):
    """How many of a run's items of one task stand in its model's training data."""

    model_config = ConfigDict(frozen=True)

    run: str
    task: str
    found: int | None
    """None if the training data were not searched for the task."""
    n: int

    @property
    def finding(self) -> str:
        """The number in words."""
        if self.found is None:
            return f"its training data were not searched for {self.task}"
        return f"{self.found:,} of {self.n:,} items of {self.task} stand in its training data"

    def __str__(self) -> str:
        return f"{self.run}: {self.finding}"


def read_training_overlap(path: Path) -> TrainingOverlap:
    """Read an overlap.json; a file that isn't one is a `UsageError`."""
    try:
        raw = read_regular_file(path, LARGEST)
        content = _OverlapFile.model_validate(parse_json(raw))
    except OSError as error:
        message = f"`training_overlap` {path}: can't be read: {error.strerror or error}"
        raise UsageError(ErrorCode.INVALID_ARGUMENT, message) from None
    except ValidationError as error:
        message = f"`training_overlap` {path}: not an overlap.json of schema 2: {first_problem(error, 'overlap')}"
        raise UsageError(ErrorCode.INVALID_ARGUMENT, message) from None
    except (ValueError, RecursionError):
        message = f"`training_overlap` {path}: not JSON; name the overlap.json of evalsuite data overlap"
        raise UsageError(ErrorCode.INVALID_ARGUMENT, message) from None
    if unsearched := [task for task in content.items if "(" not in task and task not in content.data_digests]:
        message = f"`training_overlap` {path}: has items of {unsearched[0]!r}, for which it wasn't searched"
        raise UsageError(ErrorCode.INVALID_ARGUMENT, message)
    items = {task: frozenset(ids) for task, ids in content.items.items()}
    return TrainingOverlap(path, hashlib.sha256(raw).hexdigest(), tuple(content.rules), content.data_digests, items)


def read_overlaps(named: Sequence[tuple[Path, Path]], results: Sequence[RunResult]) -> dict[Path, TrainingOverlap]:
    """Read the overlap files of runs, given as pairs of run and file; a run that isn't there is a `UsageError`."""
    folders = {result.path.resolve() for result in results}
    found: dict[Path, TrainingOverlap] = {}
    for run, file in named:
        folder = run.resolve() if run.is_dir() else run.resolve().parent
        if folder not in folders:
            message = (
                f"`training_overlap`: {run} is none of the runs; name one of {', '.join(str(r.path) for r in results)}"
            )
            raise UsageError(ErrorCode.INVALID_ARGUMENT, message)
        if folder in found:
            raise UsageError(
                ErrorCode.CONFLICTING_ARGUMENTS, f"`training_overlap`: {run} is named twice; once is enough"
            )
        found[folder] = read_training_overlap(file)
    return found


def overlap_of(result: RunResult, task: str, scores: ItemScores, overlaps: Overlaps) -> frozenset[str] | None:
    """Return which items of a run's task its training data have; None if that isn't known."""
    overlap = overlaps.get(result.path.resolve())
    return None if overlap is None else overlap.of(result, task, frozenset(map(str, scores.items)))


def marks_of(result: RunResult, overlaps: Overlaps, tasks: Sequence[str]) -> Iterator[TaskOverlap]:
    """Yield for each task of a run, where its training data are known, what they have of it."""
    if result.path.resolve() in overlaps:
        for task in tasks:
            scores = result.scores(task)
            found = overlap_of(result, task, scores, overlaps)
            yield TaskOverlap(
                run=str(result.path), task=task, found=None if found is None else len(found), n=len(scores.items)
            )


def restrict(pairing: Pairing, overlaps: Overlaps) -> Pairing:
    """Return a pairing on the clean items: those that no known training data of either run have.

    A task for which known training data were not searched is a `RunError`, and so is one without a clean item.
    """
    if not overlaps:
        message = "`clean` needs `training_overlap`: the overlap.json of one of the models at least"
        raise UsageError(ErrorCode.MISSING_ARGUMENT, message)
    pairs, before = [], {}
    for each in pairing.pairs:
        leaked: set[str] = set()
        for result, scores in ((pairing.a, each.a), (pairing.b, each.b)):
            found = overlap_of(result, each.task, scores, overlaps)
            if found is None and result.path.resolve() in overlaps:
                message = (
                    f"{overlaps[result.path.resolve()].path}: was not searched for {each.task}; search for it, too"
                )
                raise RunError(ErrorCode.RUNS_NOT_COMPARABLE, message)
            leaked |= found or set()
        kept = pair_scores(each.task, _without(each.a, leaked), _without(each.b, leaked))
        if not len(kept.items):
            message = f"{each.task}: has no clean item; all {len(each.items):,} stand in training data"
            raise RunError(ErrorCode.RUNS_NOT_COMPARABLE, message)
        pairs.append(kept)
        before[each.task] = len(each.items)
    return replace(pairing, pairs=tuple(pairs), items_before=before)


def _without(scores: ItemScores, leaked: set[str]) -> ItemScores:
    """Return scores without some items."""
    keep = np.array([str(item) not in leaked for item in scores.items], np.bool_)
    counts = scores.counts
    return replace(
        scores,
        items=scores.items[keep],
        groups=scores.groups[keep],
        strict=scores.strict[keep],
        lenient=scores.lenient[keep],
        starts=np.cumsum(counts[keep]) - counts[keep],
        table=scores.table.filter(pa.array(np.repeat(keep, counts))),
    )
