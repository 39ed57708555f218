"""Imports logs of other harnesses as run folders, so that old runs get intervals, comparisons, reports and gates.

A log of a task that evalsuite knows is joined with the task's items by content and graded by evalsuite's parser; the
harness's own scores are stored beside the grades. Any other log keeps its own scores as grades and is marked so.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from evalsuite.errors import ErrorCode, RunError, UsageError
from evalsuite.interop.importing.copies import without_copies
from evalsuite.interop.importing.evalsuite_task import requested_format, requested_labels
from evalsuite.interop.importing.harness_log import HarnessLog
from evalsuite.interop.importing.match_items import match_task
from evalsuite.interop.importing.write_run import ImportedTask, write_run
from evalsuite.interop.inspect_ai import import_log as inspect_log
from evalsuite.interop.lm_eval import import_log as lm_eval_log
from evalsuite.run.summary import GradedRun


def import_logs(
    sources: Sequence[Path],
    out: Path,
    task: str | None = None,
    format: str | None = None,
    metrics: Sequence[str] = (),
    data_dir: Path | None = None,
    labels: Sequence[str] | None = None,
) -> GradedRun:
    """Write the logs of one model as the run folder `out` and return its summary.

    `task` names the task that the logs are about (by default it is found by content), `format` the answer format that
    their prompts requested, `labels` the labels that they gave to the options, by place, and `metrics` the harness's
    scores to use where a log has several. Logs that cannot be read, or that do not form one run, are a `RunError`.
    """
    logs = [without_copies(log) for source in sources for log in _read_source(source, metrics)]
    _check_one_run(logs)
    stated = None if labels is None else tuple(labels)
    return write_run(out, [_match(log, task, format, stated, data_dir) for log in logs], data_dir)


def _read_source(source: Path, metrics: Sequence[str]) -> list[HarnessLog]:
    if not source.exists():
        raise RunError(ErrorCode.LOG_NOT_FOUND, f"{source}: no such file or folder")
    inspect, lm_eval = inspect_log.is_source(source), lm_eval_log.is_source(source)
    if inspect and lm_eval:
        raise RunError(
            ErrorCode.LOGS_NOT_ONE_RUN, f"{source}: contains logs of lm-eval and of inspect-ai; name one of them"
        )
    if not inspect and not lm_eval:
        raise RunError(
            ErrorCode.LOG_NOT_FOUND,
            f"{source}: no log of lm-eval (results_*.json, samples_*.jsonl) or of inspect-ai (*.eval, *.json)",
        )
    return inspect_log.read(source, metrics) if inspect else lm_eval_log.read(source, metrics)


def _check_one_run(logs: Sequence[HarnessLog]) -> None:
    """Check that the logs are of one model, with one number of samples, and of each task once."""
    for plural, values in (
        ("models", {log.model for log in logs}),
        ("numbers of samples", {str(log.samples) for log in logs}),
    ):
        if len(values) > 1:
            raise RunError(
                ErrorCode.LOGS_NOT_ONE_RUN,
                f"the logs have several {plural} ({', '.join(sorted(values))}): import them one by one",
            )
    tasks = [log.task for log in logs]
    repeated = next((task for task in tasks if tasks.count(task) > 1), None)
    if repeated is not None:
        raise RunError(ErrorCode.LOGS_NOT_ONE_RUN, f"the logs contain task {repeated} twice: import them one by one")


def _match(
    log: HarnessLog, task: str | None, format: str | None, labels: tuple[str, ...] | None, data_dir: Path | None
) -> ImportedTask:
    if task is not None and not log.generated:
        raise UsageError(
            ErrorCode.CONFLICTING_ARGUMENTS,
            f"`task` {task}: {log.files[0]} can't be parsed: {log.not_parsed}",
        )
    # An export of evalsuite names its task; that is more certain than what its content suggests.
    match = match_task(log, task or log.exported_task, data_dir) if log.generated else None
    if match is None:
        return ImportedTask(log, None, None)
    requested = requested_format(log, format)
    if requested is None:
        why = (
            f"these are items of {match.dataset.task.name}, but their prompts show no answer format: to have "
            "evalsuite's parser grade them, name the format (evalsuite import --format)"
        )
        return ImportedTask(log, match, None, why_external=why)
    return ImportedTask(log, match, requested, requested_labels(log, match, labels))
