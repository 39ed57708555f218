"""Executes a request, and never replaces grades of another parser version without a copy of them and a note."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from evalsuite import parser
from evalsuite.run.execute import CompletedRun, RunRequest, execute
from evalsuite.run.identity import Identity
from evalsuite.run.request_loop import ProgressListener, RunOutcome
from evalsuite.run_folder import RunFolder


class _CompleteRun(Exception):
    """The chosen folder holds a complete run that another parser graded: nothing is left to send."""

    def __init__(self, folder: RunFolder) -> None:
        super().__init__()
        self.folder = folder


async def execute_request(
    request: RunRequest, listener: ProgressListener, preload: Sequence[str] = ()
) -> tuple[CompletedRun, str | None]:
    """Execute a request; return the run and, if another parser had graded it, a note about its grades.

    A complete run of another parser is left as it is, and its stored summary is returned. An incomplete one is regraded
    before its missing requests are sent, since one run can't hold the grades of two parsers.
    """
    notes: list[str] = []

    def choose_folder(identity: Identity) -> RunFolder:
        folder = request.choose_folder(identity)
        graded_by = _other_parser(folder)
        if graded_by is None:
            return folder
        if _is_complete(folder):
            command = shlex.join(["evalsuite", "regrade", str(folder.path)])
            notes.append(f"{folder.path}: graded by parser {graded_by}; {command} applies parser {parser.VERSION}")
            raise _CompleteRun(folder)
        notes.append(_regraded(folder, graded_by, request.spec.data_folder))
        return folder

    try:
        completed = await execute(replace(request, choose_folder=choose_folder), listener, preload)
    except _CompleteRun as complete:
        completed = _stored(complete.folder)
    return completed, notes[0] if notes else None


def _other_parser(folder: RunFolder) -> str | None:
    """Return the version of the parser that graded a run, if it isn't the present one."""
    if not (folder.path / "summary.json").is_file():
        return None
    from evalsuite.analysis.run_result import read_result

    summary = read_result(folder.path).summary
    # Log-likelihoods are graded without a parser, and so are the runs that another harness graded.
    generated = any(task.scoring == "generate" for task in summary.tasks.values())
    return summary.parser if generated and summary.parser != parser.VERSION else None


def _is_complete(folder: RunFolder) -> bool:
    from evalsuite.analysis.run_result import read_result

    tasks = read_result(folder.path).summary.tasks
    if folder.facts["ended"]["status"] != "finished":
        return False
    return all(sum(1 for _ in folder.records(name)) == task.responses for name, task in tasks.items())


def _regraded(folder: RunFolder, graded_by: str, data_dir: Path | None) -> str:
    from evalsuite.analysis.regrade import regrade

    regrade(folder.path, data_dir, folder.lost_lines)
    return (
        f"{folder.path}: regraded by parser {parser.VERSION}, since the missing requests are sent now; "
        f"the grades by parser {graded_by} are in grades.{graded_by}.parquet and summary.{graded_by}.json"
    )


def _stored(folder: RunFolder) -> CompletedRun:
    from evalsuite.analysis.run_result import read_result
    from evalsuite.run.summary import GradedRun

    summary = read_result(folder.path).summary
    total = sum(task.responses for task in summary.tasks.values())
    return CompletedRun(RunOutcome(folder, (), total, 0, {}), GradedRun(summary, []))
