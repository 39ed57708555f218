"""Check a run folder whole: every checksum, every number that can be computed again, and what ties its files."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from evalsuite.analysis.run_result import read_result
from evalsuite.errors import ErrorCode, EvalsuiteError, RunError
from evalsuite.run.reload import check_responses, reload_tasks
from evalsuite.run_folder import RunFolder
from evalsuite.util.regular_file import links_in


@dataclass(slots=True)
class VerifiedRun:
    """What is wrong with a run folder, and what of it could not be checked; one line each."""

    problems: list[str] = field(default_factory=list)
    unchecked: list[str] = field(default_factory=list)


_NOT_CHECKABLE = (
    ErrorCode.DATA_NOT_FOUND,
    ErrorCode.DATA_CHANGED,
    ErrorCode.GENERATOR_FAILED,
    ErrorCode.UNKNOWN_TASK,
    ErrorCode.RUN_NOT_REGRADABLE,
)
"""Errors that say that the requests can't be made again, not that the folder is damaged."""


def verify_run(path: Path, data_dir: Path | None = None) -> VerifiedRun:
    """Check a run folder and change nothing; a folder without a run is a `RunError`.

    With the benchmarks' data the responses are compared with the requests that they answer.
    """
    found = VerifiedRun()
    folder = RunFolder(path)
    facts = folder.facts
    found.problems += [f"{link}: a link, which no command follows" for link in links_in(path)]
    for task in facts["identity"]["tasks"]:
        _noted(found, partial(_check_journal, folder, task))
    _noted(found, folder.failed_requests)
    if not found.problems:
        _noted(found, lambda: check_responses(folder, reload_tasks(folder, data_dir)))
    if facts["ended"]["status"] != "finished":
        found.unchecked.append(f"{path}: the run is {facts['ended']['status']}; resume it, or finish it as it is")
    if (path / "summary.json").exists() or facts["ended"]["status"] == "finished":
        _noted(found, lambda: found.unchecked.extend(_result_unchecked(path)))
    return found


def _check_journal(folder: RunFolder, task: str) -> None:
    """Raise a `RunError` for a journal that is damaged or has a response twice, as far as that needs no data."""
    seen: set[tuple[str, int, int]] = set()
    for record in folder.records(task):
        key = (record.item, record.rotation, record.sample)
        if key in seen:
            raise RunError(ErrorCode.JOURNAL_MALFORMED, f"{folder.journal(task)}: item {record.item} is answered twice")
        seen.add(key)


def _result_unchecked(path: Path) -> Iterator[str]:
    result = read_result(path)
    for task in result.tasks:
        result.scores(task)
    yield from (f"{path}: {reason}" for reason in result.check_responses())


def _noted(found: VerifiedRun, check: Callable[[], Any]) -> None:
    try:
        check()
    except EvalsuiteError as error:
        listed = found.unchecked if error.code in _NOT_CHECKABLE else found.problems
        listed.append(str(error))
