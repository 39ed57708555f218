"""What a stage's check found of each benchmark in its training data, as an export states it."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from evalsuite.errors import ErrorCode, RunError
from evalsuite.util.validation import first_problem
from training.checks.check_result import REPORT
from training.run_folder import StageFolder


class _Hit(BaseModel):
    model_config = ConfigDict(strict=True)

    item: str


class _Benchmark(BaseModel):
    model_config = ConfigDict(strict=True)

    items: Annotated[int, Field(ge=0)]
    unavailable: str | None
    hits: list[_Hit]


class _Check(BaseModel):
    model_config = ConfigDict(strict=True)

    benchmarks: dict[str, _Benchmark]


class _Checks(BaseModel):
    model_config = ConfigDict(strict=True)

    benchmark_overlap: _Check | None = None


class _Report(BaseModel):
    model_config = ConfigDict(strict=True)

    checks: _Checks = _Checks()


class StageOverlap(BaseModel):
    """The items of one benchmark that a stage's training data were searched for, and those that they have."""

    searched: int
    """Number of items."""
    found: list[str]
    """Ids, each once, in order."""


def read_overlap(folder: StageFolder) -> dict[str, StageOverlap]:
    """Return what a stage's preflight.json has of each benchmark that could be compared, by task.

    Empty where the stage has no such check; a `RunError` where the file isn't as the check writes it.
    """
    try:
        check = _Report.model_validate(folder.read(REPORT)).checks.benchmark_overlap
    except ValidationError as error:
        message = f"{folder.path / REPORT}: {first_problem(error, 'preflight')}; was it edited?"
        raise RunError(ErrorCode.RUN_UNREADABLE, message) from None
    compared = {} if check is None else {t: b for t, b in check.benchmarks.items() if b.unavailable is None}
    return {
        task: StageOverlap(searched=each.items, found=sorted({hit.item for hit in each.hits}))
        for task, each in compared.items()
    }
