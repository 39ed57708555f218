"""What the stages were measured to be, against the stage before each: what the card and the terminal show."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from evalsuite.analysis.run_result import read_result
from evalsuite.stats.intervals import Estimate
from evalsuite.stats.multiple_testing import holm
from evalsuite.util.format import interval, p_value, percent, points_interval
from evalsuite.util.markdown import code, plain, table
from training.promotion.verdict import FILE
from training.run_folder import StageFolder, TrainingFolder
from training.run_spec import TrainingSpec

HEAD = ("stage", "task", "items", "before", "accuracy [95%]", "difference [95%]", "p (Holm)", "gate")


class StageRow(NamedTuple):
    """A stage on one task of its evaluation; shares and differences are fractions."""

    stage: str
    task: str
    n: int
    samples: int
    accuracy: Estimate
    """Of what the stage made, strict."""
    before: float
    """Of the last good model before it."""
    difference: Estimate
    """Accuracy less that before, paired on the items."""
    p: float
    """Two-sided, adjusted by Holm over all rows."""
    promoted: bool


def rows(run: TrainingFolder, spec: TrainingSpec) -> list[StageRow]:
    """A row for each stage that was evaluated and each of its tasks, in order."""
    found = [row for folder in spec.stages(run) for row in _of_stage(run, folder)]
    adjusted = holm([row.p for row in found], f"{len(found)} differences").p if found else ()
    return [row._replace(p=float(p)) for row, p in zip(found, adjusted, strict=True)]


def markdown(found: list[StageRow]) -> str:
    """The rows as a Markdown table."""
    return table(HEAD, [_cells(row) for row in found], left=2)


def _of_stage(run: TrainingFolder, folder: StageFolder) -> Iterator[StageRow]:
    facts = folder.read(FILE)
    comparison = facts.get("comparison")
    if comparison is None:
        return
    tasks = read_result(run.path / comparison["a"]["path"]).tasks
    for task, seen in comparison["tasks"].items():
        yield StageRow(
            stage=folder.path.name,
            task=task,
            n=seen["n"],
            samples=seen["samples"],
            accuracy=tasks[task].accuracy,
            before=seen["b"],
            difference=Estimate(**seen["difference"]),
            p=seen["p"],
            promoted=facts["promoted"],
        )


def _cells(row: StageRow) -> tuple[str, ...]:
    return (
        plain(row.stage),
        code(row.task),
        f"{row.n:,}" if row.samples == 1 else f"{row.n:,} × {row.samples}",
        percent(row.before),
        interval(*row.accuracy),
        points_interval(*row.difference),
        p_value(row.p),
        "promoted" if row.promoted else "refused",
    )
