"""Make grades.parquet and summary.json of a run from its folder and the data alone: no model, no server."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from evalsuite import parser
from evalsuite.errors import ErrorCode, RunError
from evalsuite.run.reload import check_responses, reload_tasks
from evalsuite.run.run_facts import now
from evalsuite.run.summary import GradedRun, summarise
from evalsuite.run_folder import RunFolder


@dataclass(frozen=True, slots=True)
class FinishedRun:
    """A run that was finished, with the number of its requests that have no response."""

    graded: GradedRun
    missing: int


def finish(path: Path, data_dir: Path | None = None) -> FinishedRun:
    """Grade the responses that a run has and write its grades and its summary.

    For a run whose last phase was killed, or whose server is gone: what has no response counts as wrong, as it does
    after `run`. A run that the parser of another version graded is a `RunError`, because `regrade` preserves those
    grades.
    """
    folder = RunFolder(path)
    prepared_tasks = reload_tasks(folder, data_dir)
    with folder.writing():
        facts = folder.facts
        graded_by = facts.get("parser")
        if (path / "summary.json").exists() and graded_by != parser.VERSION:
            raise RunError(
                ErrorCode.RUN_INCONSISTENT,
                f"{path}: was graded by parser {graded_by}; evalsuite regrade replaces its grades and keeps a copy",
            )
        check_responses(folder, prepared_tasks)
        lines = {each.name: sum(1 for _ in folder.records(each.name)) for each in prepared_tasks}
        graded = summarise(folder, prepared_tasks)
        missing = sum(task.unanswered for task in graded.summary.tasks.values())
        ended = {"status": "incomplete" if missing else "finished", "at": now(), "reason": None}
        folder.write_json("run.json", facts | {"parser": parser.VERSION, "journals": lines, "ended": ended})
    return FinishedRun(graded, missing)
