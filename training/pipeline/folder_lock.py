"""Locks the folder of a stage for the process that trains it, and those that were launched with it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from evalsuite.errors import RunError
from evalsuite.util.folder_lock import locked
from training.run_folder import StageFolder


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
