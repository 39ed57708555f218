"""A finished run as Python objects: accuracies, responses, failures and a data frame."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from evalsuite.analysis.run_result import RunResult, read_result
from evalsuite.errors import ErrorCode, RunError, UsageError
from evalsuite.run.summary_schema import UNANSWERED, TaskSummary
from evalsuite.run_folder import FailedRequest, ResponseRecord, RunFolder
from evalsuite.stats.intervals import Estimate
from evalsuite.util.arguments import PATH, TEXT, ArgumentType, check_arguments, optional
from evalsuite.util.format import interval, percent
from evalsuite.util.installation import install_command
from evalsuite.util.notebook_html import html_block, html_table, interval_plot

if TYPE_CHECKING:
    import pandas

Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class SampleResult:
    """One sample of one item: its response and how it was graded."""

    task: str
    item: str
    """Id of the item."""
    rotation: int
    sample: int
    gold: str
    label: str | None
    """Label of the strict parse, in the item's own labels; None if the response has no valid answer."""
    status: str
    """Status of the strict parse; `unanswered` if there is no response."""
    correct: bool
    span: Span | None
    """Start and end of the answer in `text`."""
    label_lenient: str | None
    status_lenient: str
    correct_lenient: bool
    span_lenient: Span | None
    form: str | None
    """The documented form that the lenient parse read."""
    finish: str | None
    input_tokens: int | None
    output_tokens: int | None
    latency: float | None
    """Seconds."""
    text: str | None
    """None if there is no response, or if the run folder has no journal."""
    reasoning: str | None


class Run:
    """One finished run, read from its folder; fractions are between 0 and 1."""

    def __init__(self, result: RunResult) -> None:
        self.result = result

    @property
    def path(self) -> Path:
        """The run folder."""
        return self.result.path

    @property
    def model(self) -> str:
        """The model's name, `backend/name`."""
        return self.result.model

    @property
    def tasks(self) -> Mapping[str, TaskSummary]:
        """Each task's entry in summary.json: prompt setup, scores, status counts, trivial baselines, notes."""
        return self.result.tasks

    @cached_property
    def accuracy(self) -> Mapping[str, Estimate]:
        """Strict accuracy of each task, with the ends `low` and `high` of its 95% interval."""
        return MappingProxyType({name: task.accuracy for name, task in self.tasks.items()})

    @cached_property
    def accuracy_lenient(self) -> Mapping[str, Estimate]:
        """Lenient accuracy of each task, with its interval."""
        return MappingProxyType({name: task.accuracy_lenient for name, task in self.tasks.items()})

    @property
    def macro(self) -> Estimate | None:
        """Mean of the tasks' accuracies, with its interval."""
        return self.result.summary.macro

    @property
    def missing(self) -> int:
        """Number of samples without a response; they count as wrong."""
        return sum(task.unanswered for task in self.tasks.values())

    def responses(self, task: str | None = None) -> list[SampleResult]:
        """Return the samples that have a response, of one task or of all, in the order of item, rotation and sample."""
        check_arguments({"task": optional(TEXT)}, {"task": task})
        if task is not None and task not in self.tasks:
            raise UsageError(
                ErrorCode.UNKNOWN_TASK, f"{self.path}: the run has no task {task!r}; it has {', '.join(self.tasks)}"
            )
        if not (self.path / "responses").is_dir():
            raise RunError(ErrorCode.RUN_NOT_FOUND, f"{self.path}: the run folder has no responses, only their grades")
        return [sample for sample in self._samples(task) if sample.status != UNANSWERED]

    def failures(self) -> list[FailedRequest]:
        """Return the requests that failed for good and still have no response, with the reason of each."""
        missing = {
            (sample.task, sample.item, sample.rotation, sample.sample)
            for sample in self._samples()
            if sample.status == UNANSWERED
        }
        failed = RunFolder(self.path).failed_requests()
        return [each for each in failed if (each.task, each.item, each.rotation, each.sample) in missing]

    def to_pandas(self) -> pandas.DataFrame:
        """Return a data frame with one row per sample, the samples without a response included."""
        try:
            import pandas
        except ModuleNotFoundError as error:
            raise UsageError(
                ErrorCode.MISSING_PACKAGE, f"to_pandas needs {error.name}: {install_command('pandas')}"
            ) from None
        names = [field.name for field in fields(SampleResult)]
        rows = [[getattr(each, name) for name in names] for each in self._samples()]
        # Integers that may be missing, which pandas would otherwise turn into floats.
        return pandas.DataFrame(rows, columns=names).astype({"input_tokens": "Int64", "output_tokens": "Int64"})

    def _samples(self, task: str | None = None) -> Iterator[SampleResult]:
        for name in self.tasks if task is None else (task,):
            records = {
                (record.item, record.rotation, record.sample): record for record in RunFolder(self.path).records(name)
            }
            for row in self.result.scores(name).table.to_pylist():
                yield _sample(row, records.get((row["item"], row["rotation"], row["sample"])))

    def __repr__(self) -> str:
        tasks = ", ".join(f"{name} {interval(*accuracy)}" for name, accuracy in self.accuracy.items())
        return f"Run({self.model!r}: {tasks}{f'; {self.missing} unanswered' if self.missing else ''})"

    def _repr_html_(self) -> str:
        rows = [_row(name, task) for name, task in self.tasks.items()]
        shown = dict(self.accuracy)
        if len(rows) > 1 and self.macro is not None:
            rows.append(["macro average", "", interval(*self.macro), *[""] * (len(rows[0]) - 3)])
            shown["macro average"] = self.macro
        columns = ["task", "items", "accuracy % [95%]", "lenient %", "invalid %", "trivial %", "chance %"]
        if self.missing:
            columns.append("unanswered")
            for row, count in zip(
                rows, [*(task.unanswered for task in self.tasks.values()), self.missing], strict=False
            ):
                row.append(str(count))
        ticks = {share / 100: f"{share}%" for share in range(0, 101, 25)}
        plot = interval_plot(shown, (0.0, 1.0), ticks, "accuracy with its 95% interval")
        return html_block(self.model, html_table(columns, rows), plot)


RunLike = Run | RunResult | str | Path
"""A run, or the path of its folder."""
RUN: Final = ArgumentType(
    lambda value: isinstance(value, Run | RunResult) or PATH.accepts(value), "a run or the path of its folder"
)


def read_run(path: str | Path | Run) -> Run:
    """Read a finished run from its folder, or from the summary.json in it; a `Run` is returned as it is."""
    check_arguments({"path": RUN}, {"path": path})
    if isinstance(path, Run | RunResult):
        return path if isinstance(path, Run) else Run(path)
    return Run(read_result(Path(path)))


def _row(name: str, task: TaskSummary) -> list[str]:
    return [
        name,
        f"{task.n} of {task.items}" if task.partial else str(task.n),
        interval(*task.accuracy),
        percent(task.accuracy_lenient.value),
        percent(task.invalid),
        percent(max(task.trivial_baselines.values(), default=None)),
        percent(task.chance),
    ]


def _sample(row: Mapping[str, Any], record: ResponseRecord | None) -> SampleResult:
    same = (field.name for field in fields(SampleResult) if field.name in row)
    return SampleResult(
        **{name: row[name] for name in same},
        span=_span(row, ""),
        span_lenient=_span(row, "_lenient"),
        text=None if record is None else record.text,
        reasoning=None if record is None else record.reasoning,
    )


def _span(row: Mapping[str, Any], suffix: str) -> Span | None:
    start, end = row[f"span_start{suffix}"], row[f"span_end{suffix}"]
    return None if start is None else (start, end)
