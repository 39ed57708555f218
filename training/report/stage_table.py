"""Accuracy before and after each stage, on each task: the table of the report, the model card and the benchmarks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Annotated, Final, NamedTuple

from pydantic import Field, TypeAdapter

from evalsuite.analysis.run_result import read_result
from evalsuite.errors import ErrorCode, RunError
from evalsuite.stats.intervals import Estimate
from evalsuite.stats.multiple_testing import holm
from evalsuite.util.format import interval, p_value, percent, points_interval
from evalsuite.util.markdown import code, plain, table
from training.promotion.verdict import FILE, evaluation_path
from training.run_folder import StageFolder, TrainingFolder
from training.run_spec import TrainingSpec

HEAD: Final = ("stage", "task", "items", "before", "accuracy [95%]", "difference [95%]", "p (Holm)", "gate")


TABLE_NOTE: Final = (
    "In percent and points, strict parse. Accuracy with its 95% interval; the difference is to the last promoted model "
    "before the stage, paired on the same items, its p of the two-sided sign-flip test adjusted by Holm over all rows."
)


class StageRow(NamedTuple):
    """One stage on one task of its evaluation; accuracies and differences are fractions."""

    stage: str
    task: str
    n: Annotated[int, Field(ge=1, lt=1 << 53)]
    samples: Annotated[int, Field(ge=1, lt=1 << 53)]
    accuracy: Estimate
    """Strict accuracy of the stage's model."""
    before: float
    """Strict accuracy of the last promoted model before it."""
    difference: Estimate
    """`accuracy` - `before`, paired on the items."""
    p: Annotated[float, Field(ge=0, le=1)]
    """Two-sided, adjusted by Holm's method over all rows."""
    promoted: bool


_CHECKED: Final = TypeAdapter(StageRow)


def stage_rows(run: TrainingFolder, spec: TrainingSpec) -> list[StageRow]:
    """Return a row for each task of each stage that was evaluated, in order."""
    rows = [row for folder in spec.stages(run) for row in _rows_of(run, folder)]
    adjusted = holm([row.p for row in rows], f"{len(rows)} differences").p if rows else ()
    return [row._replace(p=float(p)) for row, p in zip(rows, adjusted, strict=True)]


def markdown_table(rows: Sequence[StageRow]) -> str:
    """Return the rows as a Markdown table."""
    return table(HEAD, [_cells(row) for row in rows], left=2)


def items_text(row: StageRow) -> str:
    """Return the number of items, times the number of samples if there are several."""
    return f"{row.n:,}" if row.samples == 1 else f"{row.n:,} × {row.samples}"


def _rows_of(run: TrainingFolder, folder: StageFolder) -> Iterator[StageRow]:
    path = evaluation_path(run, folder, "a")
    if path is None:
        return
    # The interval of the accuracy itself is in the evaluation's summary: the comparison has that of the difference.
    facts, tasks = folder.read(FILE), read_result(path).tasks
    try:
        for task, contrast in facts["comparison"]["tasks"].items():
            row = StageRow(
                stage=folder.path.name,
                task=task,
                n=contrast["n"],
                samples=contrast["samples"],
                accuracy=tasks[task].accuracy,
                before=contrast["b"],
                difference=Estimate(**contrast["difference"]),
                p=contrast["p"],
                promoted=facts["promoted"],
            )
            _CHECKED.validate_python(row, strict=True)
            yield row
    except (KeyError, TypeError, AttributeError, ValueError):
        message = f"{folder.path / FILE}: its comparison can't be read; was it edited?"
        raise RunError(ErrorCode.RUN_UNREADABLE, message) from None


def _cells(row: StageRow) -> tuple[str, ...]:
    return (
        plain(row.stage),
        code(row.task),
        items_text(row),
        percent(row.before),
        interval(*row.accuracy),
        points_interval(*row.difference),
        p_value(row.p),
        "promoted" if row.promoted else "refused",
    )
