"""Makes a corpus step by step; killed at any moment and run again, it gives the same bytes."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, NamedTuple

import orjson

from evalsuite.errors import DataError, ErrorCode, RunError
from evalsuite.util.atomic_write import write_atomically
from evalsuite.util.checksum import checksum_error, with_checksum
from evalsuite.util.folder_lock import locked
from evalsuite.util.jsonl import parse_json
from training.corpora.executors import Executor, executor_for
from training.corpora.job import RUN, WORK, Job
from training.corpora.steps import clean, duplicates, mixture, pubmed_state, shards, tokens
from training.corpora.steps.finish import finish
from training.corpora.steps.parts import all_parts
from training.corpora.steps.result import is_done
from training.data.manifest import FILE, Manifest, read_manifest

Report = Callable[[str], None]


class Step(NamedTuple):
    """One step: how many tasks it has, which the steps before it decide, and what does one of them."""

    name: str
    tasks: Callable[[Job], int]
    work: Callable[[Job, int], None]


def _parts(job: Job) -> int:
    return len(all_parts(job))


STEPS: Final[tuple[Step, ...]] = (
    Step(pubmed_state.STEP, pubmed_state.tasks, pubmed_state.note),
    Step(clean.STEP, lambda job: len(job.reads), clean.clean),
    Step(duplicates.STEP, lambda _: 1, duplicates.find),
    Step(tokens.STEP, _parts, tokens.count),
    Step(mixture.STEP, lambda _: 1, mixture.mix),
    Step(shards.SPLIT, _parts, shards.split),
    Step(shards.SHARDS, mixture.shard_count, shards.assemble),
)


def run(job: Job, report: Report) -> Manifest:
    """Make the corpus in the job's folder and return its manifest; what is there already is not made again.

    A folder that holds something else, or the work on other inputs, settings or versions, is refused.
    """
    _refuse_other_content(job)
    with locked(job.out):
        if (job.out / FILE).exists():
            return _finished(job, report)
        _begin(job)
        executor = executor_for(job)
        try:
            for step in STEPS:
                _run_step(job, step, executor, report)
        except OSError as error:
            message = f"{error.filename or job.out}: {error.strerror or error}; the same command goes on from there"
            raise RunError(ErrorCode.OUTPUT_NOT_WRITABLE, message) from None
        return finish(job)


def _run_step(job: Job, step: Step, executor: Executor, report: Report) -> None:
    if not (count := step.tasks(job)):
        return
    left = [task for task in range(count) if not is_done(job.folder(step.name, task))]
    report(f"{step.name}: {count:,} tasks" + (f", {count - len(left):,} done before" if len(left) < count else ""))
    if left:
        executor.run(step.name, step.work, left)
    if missing := [task for task in left if not is_done(job.folder(step.name, task))]:
        message = f"{step.name}: {len(missing):,} of {count:,} tasks have no result; see the logs in {job.work}"
        raise RunError(ErrorCode.RUN_INCOMPLETE, message)


def _refuse_other_content(job: Job) -> None:
    known = (job.work / RUN, job.out / FILE)
    if job.out.exists() and not any(path.is_file() for path in known) and _content(job.out):
        message = f"{job.out}: holds something else (`out`); name a new folder"
        raise DataError(ErrorCode.OUTPUT_EXISTS, message)


def _content(out: Path) -> list[Path]:
    """Return what is in a folder, or the folder itself if it is none, except what a run makes before its first file."""
    if not out.is_dir():
        return [out]
    return [path for path in out.iterdir() if path.name not in (".lock", WORK)]


def _begin(job: Job) -> None:
    """Note what the folder is for, or compare it with what is noted there."""
    file = job.work / RUN
    if file.is_file():
        try:
            content = parse_json(file.read_bytes())
            problem = checksum_error(content, required=True)
        except (OSError, ValueError, AttributeError, TypeError) as error:
            content, problem = {}, str(error)
        if problem is not None:
            raise RunError(ErrorCode.RUN_INCONSISTENT, f"{file}: {problem}; delete {job.out} and begin again")
        _refuse_change(job, content)
        return
    job.work.mkdir(parents=True, exist_ok=True)
    write_atomically(file, orjson.dumps(with_checksum(job.identity()), option=orjson.OPT_INDENT_2))


def _refuse_change(job: Job, before: dict[str, Any]) -> None:
    """Raise a `DataError` that names the first thing in which a folder's run differs from this one."""
    for key, value in job.identity().items():
        if (old := before.get(key)) != value:
            message = f"{job.out}: is of a run with another {key} ({_difference(old, value)}); name a new folder"
            raise DataError(ErrorCode.CORPUS_CHANGED, message)


def _difference(old: Any, new: Any) -> str:
    """Return in a few words where two values differ first."""
    if isinstance(old, dict) and isinstance(new, dict):
        key = next(key for key in (*new, *old) if old.get(key) != new.get(key))
        return f"{key}: {_difference(old.get(key), new.get(key))}"
    if isinstance(old, list) and isinstance(new, list):
        pairs = zip(old, new, strict=False)
        number = next((n for n, (a, b) in enumerate(pairs) if a != b), None)
        return f"{len(old)} and {len(new)}" if number is None else _difference(old[number], new[number])
    return f"{str(old)[:80]} and {str(new)[:80]}"


def _finished(job: Job, report: Report) -> Manifest:
    manifest = read_manifest(job.out)
    _refuse_change(job, manifest.made_by)
    shutil.rmtree(job.work, ignore_errors=True)
    report(f"{job.out}: is complete already")
    return manifest
