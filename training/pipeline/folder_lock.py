"""Locks a folder for one writer, also where that process has outlived the run that started it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from evalsuite.errors import ErrorCode, RunError
from training.run_folder import StageFolder


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the lock of a folder; a `RunError` if another process has it."""
    import filelock

    # The system releases the lock when the process dies, so that a kill leaves nothing to clean up.
    lock = filelock.FileLock(folder / ".lock")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock.acquire(blocking=False)
    except filelock.Timeout:
        message = f"{folder}: another process works on it; wait for it or stop it"
        raise RunError(ErrorCode.RUN_LOCKED, message) from None
    except OSError as error:
        message = f"{folder}: can't be written: {error.strerror or error}"
        raise RunError(ErrorCode.OUTPUT_NOT_WRITABLE, message) from None
    try:
        yield
    finally:
        lock.release()


@contextmanager
def stage_locked(folder: StageFolder) -> Iterator[None]:
    """Hold the lock of a stage for this process and those that were launched with it; record why a stage must stop.

    A `RunError` is a reason why the stage can't be promoted, however often it is started again, such as a loss that is
    not finite: it is recorded in stage.json for the process that waits.
    """
    if os.environ.get("RANK", "0") != "0":
        yield  # the process of rank 0 has the lock; its errors are this process's errors too
        return
    with locked(folder.path):
        try:
            yield
        except RunError as error:
            # What the system refused, such as a write to a full disk, can succeed the next time.
            if not isinstance(error.__context__, OSError):
                folder.note(refusal=str(error))
            raise
