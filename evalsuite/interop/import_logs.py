"""Logs of other harnesses become run folders: their users get intervals, comparisons, reports and gates for old runs.

A log of one of our tasks is joined with our items by content and graded by our parser; the harness's own verdict is
kept beside. Any other log keeps its own scores as grades, and says so.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from evalsuite.errors import RunError, UsageError
from evalsuite.interop.importing.log import HarnessLog
from evalsuite.interop.importing.match import find
from evalsuite.interop.importing.own_task import format_of
from evalsuite.interop.importing.run_folder import ImportedTask, write_run
from evalsuite.interop.inspect_ai import import_log as inspect_log
from evalsuite.interop.lm_eval import import_log as lm_eval_log
from evalsuite.run.summary import Summary


def import_logs(
    sources: Sequence[Path],
    out: Path,
    task: str | None = None,
    format: str | None = None,
    metrics: Sequence[str] = (),
    data_dir: Path | None = None,
) -> Summary:
    """Write logs of one model as the run folder `out`.

    `task` says of which task of ours the logs are (otherwise it is found by content), `format` which answer format
    their prompts asked for, `metrics` which of the harness's scores count where there are several.
    """
    logs = [log for source in sources for log in _read(source, metrics)]
    _check_together(logs)
    return write_run(out, [_sorted_in(log, task, format, data_dir) for log in logs], data_dir)


def _read(source: Path, metrics: Sequence[str]) -> list[HarnessLog]:
    if not source.exists():
        raise RunError(f"{source}: no such file or folder")
    inspect, lm = inspect_log.is_source(source), lm_eval_log.is_source(source)
    if inspect and lm:
        raise RunError(f"{source}: holds logs of lm-eval and of inspect; name one of them")
    if not inspect and not lm:
        raise RunError(f"{source}: no log of lm-eval (results_*.json, samples_*.jsonl) or inspect (*.eval)")
    return inspect_log.read(source, metrics) if inspect else lm_eval_log.read(source, metrics)


def _check_together(logs: Sequence[HarnessLog]) -> None:
    """A run is one model's, with one number of samples, and each task once."""
    for what, found in (
        ("models", {log.model for log in logs}),
        ("numbers of samples", {str(log.samples) for log in logs}),
    ):
        if len(found) > 1:
            raise RunError(f"the logs have several {what} ({', '.join(sorted(found))}): import them one by one")
    tasks = [log.task for log in logs]
    twice = next((task for task in tasks if tasks.count(task) > 1), None)
    if twice is not None:
        raise RunError(f"the logs hold task {twice} twice: import them one by one")


def _sorted_in(log: HarnessLog, task: str | None, format: str | None, data_dir: Path | None) -> ImportedTask:
    if task is not None and not log.generated:
        raise UsageError(f"--task {task}: {log.files[0]} holds no generated answers, so our parser has nothing to read")
    named = task or _exported(log)
    match = find(log, named, data_dir) if log.generated else None
    return ImportedTask(log, match, format_of(log, format) if match else None)


def _exported(log: HarnessLog) -> str | None:
    return str(log.asked["task"]) if log.asked and "task" in log.asked else None
