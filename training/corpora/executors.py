"""Where the tasks of a step run: in processes of this machine, or by datatrove's executors on Ray or Slurm.

A task writes its result into a folder, whole or not at all, and depends on nothing but the job and its number, so that
every executor gives the same bytes, with any number of workers.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from multiprocessing import connection, get_context, parent_process
from pathlib import Path
from typing import Any, Final, Protocol

from evalsuite.errors import ErrorCode, EvalsuiteError, RunError, UsageError
from evalsuite.util.installation import install_command
from training.corpora.config import Local, Ray, Slurm
from training.corpora.job import Job
from training.corpora.steps.result import is_done

Work = Callable[[Job, int], None]
_LOGS: Final = "logs"
_POLL_SECONDS: Final = 5.0


class Executor(Protocol):
    """Runs the tasks of one step after another."""

    def run(self, step: str, work: Work, tasks: Sequence[int]) -> None:
        """Run tasks and return when all have ended; the error of a task is raised."""
        ...


def executor_for(job: Job) -> Executor:
    """Return the executor that a configuration names; a missing package is a `UsageError`."""
    settings = job.config.executor
    if isinstance(settings, Local):
        return LocalExecutor(job, settings.workers)
    return ClusterExecutor(job, settings)


class LocalExecutor:
    """Processes of this machine; with one worker the tasks run in this one."""

    def __init__(self, job: Job, workers: int) -> None:
        self._job, self._workers = job, workers

    def run(self, step: str, work: Work, tasks: Sequence[int]) -> None:
        """Run tasks; the first error stops those that have not begun."""
        if self._workers == 1 or len(tasks) == 1:
            for task in tasks:
                work(self._job, task)
            return
        count = min(self._workers, len(tasks))
        with ProcessPoolExecutor(count, get_context("spawn"), end_with_parent) as pool:
            futures = [pool.submit(work, self._job, task) for task in tasks]
            try:
                for future in as_completed(futures):
                    future.result()
            except BrokenProcessPool:
                message = f"{step}: a worker was ended, perhaps for want of memory; set fewer executor.workers"
                raise RunError(ErrorCode.RUN_INCOMPLETE, message) from None
            finally:
                pool.shutdown(wait=True, cancel_futures=True)


def end_with_parent() -> None:
    """Make this process end when the one that started it has ended, so that none goes on alone after a kill."""
    parent = parent_process()
    if parent is not None:
        sentinel = parent.sentinel

        def wait() -> None:
            connection.wait([sentinel])
            os._exit(1)

        threading.Thread(target=wait, daemon=True).start()


class ClusterExecutor:
    """datatrove's executors for Ray and Slurm. Only they are used of it, none of its readers, filters or hashes."""

    def __init__(self, job: Job, settings: Ray | Slurm) -> None:
        try:
            import datatrove.executor  # noqa: F401
        except ImportError:
            command = install_command(f"corpora-{settings.kind}")
            message = f"executor {settings.kind} needs datatrove: {command}"
            raise UsageError(ErrorCode.MISSING_PACKAGE, message) from None
        self._job, self._settings = job, settings

    def run(self, step: str, work: Work, tasks: Sequence[int]) -> None:
        """Run tasks as the ranks of one datatrove pipeline, and raise the first error that one of them has noted."""
        # A new folder each time: datatrove skips ranks by their numbers, which here are those of the tasks left.
        logs = self._job.work / _LOGS / f"{step}-{time.time_ns()}"
        errors = logs / "errors"
        errors.mkdir(parents=True)
        pipeline: list[Any] = [partial(_rank, self._job, work, tuple(tasks), errors)]
        if isinstance(self._settings, Ray):
            self._ray(pipeline, len(tasks), logs)
        else:
            self._slurm(pipeline, step, len(tasks), logs)
            self._wait(step, tasks, errors)
        _raise_first(errors)

    def _ray(self, pipeline: list[Any], count: int, logs: Path) -> None:
        from datatrove.executor.ray import RayPipelineExecutor

        settings = self._settings
        assert isinstance(settings, Ray)
        RayPipelineExecutor(
            pipeline,
            tasks=count,
            workers=settings.workers,
            cpus_per_task=settings.cpus,
            mem_per_cpu_gb=settings.memory_gb / settings.cpus,
            logging_dir=str(logs),
        ).run()

    def _slurm(self, pipeline: list[Any], step: str, count: int, logs: Path) -> None:
        from datatrove.executor.slurm import SlurmPipelineExecutor

        settings = self._settings
        assert isinstance(settings, Slurm)
        SlurmPipelineExecutor(
            pipeline,
            tasks=count,
            time=settings.time,
            partition=settings.partition,
            workers=min(settings.workers, count),
            cpus_per_task=settings.cpus,
            mem_per_cpu_gb=max(1, settings.memory_gb // settings.cpus),
            qos=settings.qos,
            job_name=f"{self._job.config.name}-{step}",
            logging_dir=str(logs),
            slurm_logs_folder=str(logs / "slurm"),
        ).run()

    def _wait(self, step: str, tasks: Sequence[int], errors: Path) -> None:
        """Wait until every task has its result or has noted an error: the number of a step's tasks depends on them."""
        left = set(tasks)
        while left and not any(errors.iterdir()):
            left = {task for task in left if not is_done(self._job.folder(step, task))}
            if left:
                time.sleep(_POLL_SECONDS)


def _rank(job: Job, work: Work, tasks: Sequence[int], errors: Path, data: Any, rank: int, world_size: int) -> Any:
    """Do one task as a step of a datatrove pipeline; its error is noted for the process that waits."""
    try:
        work(job, tasks[rank])
    except Exception as error:  # whatever it is: the process that waits for a result must learn that there will be none
        code = error.code if isinstance(error, EvalsuiteError) else ErrorCode.RUN_INCOMPLETE
        (errors / f"{rank:05d}.txt").write_text(f"{code}\n{' '.join(str(error).split())}")
        raise
    return data


def _raise_first(errors: Path) -> None:
    for path in sorted(errors.iterdir()):
        code, _, message = path.read_text().partition("\n")
        raise RunError(ErrorCode(code), message)
