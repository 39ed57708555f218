"""Locks a folder for one writer, also where that process has outlived the one that started it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from evalsuite.errors import ErrorCode, RunError


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
