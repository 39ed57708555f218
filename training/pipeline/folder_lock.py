"""A folder has one writer: a second is turned away, also where the first has outlived the process that began it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from evalsuite.errors import RunError
from training.run_folder import StageFolder


@contextmanager
def claimed(folder: Path) -> Iterator[None]:
    """Claim a folder for this process; where another one has it, that is a `RunError`."""
    import filelock

    lock = filelock.FileLock(folder / ".lock")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock.acquire(blocking=False)
    except filelock.Timeout:
        raise RunError(f"{folder}: another process works on it; wait for it or stop it") from None
    except OSError as error:
        raise RunError(f"{folder}: can't be written: {error.strerror or error}") from None
    try:
        yield
    finally:
        lock.release()


@contextmanager
def working(folder: StageFolder) -> Iterator[None]:
    """Claim a stage for this process and the others that were launched with it.

    A `RunError` is a reason why the stage can't be promoted, however often it is begun again: it is left in stage.json
    for the process that waits. Not so where the system refused something, a full disk for example.
    """
    if os.environ.get("RANK", "0") != "0":
        yield
        return
    with claimed(folder.path):
        try:
            yield
        except RunError as error:
            if not isinstance(error.__context__, OSError):
                folder.note(refusal=str(error))
            raise
