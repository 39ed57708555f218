"""The trainer's checkpoints, and which of them are complete.

The trainer writes a checkpoint file by file, in every process, and deletes an old one file by file too, so a kill
may leave a part of one. Each checkpoint therefore gets a marker that lists its files once every process has written
its part. A checkpoint without a marker, or without one of the listed files, is incomplete.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple

from training.run_folder import Folder

MARKER: Final = "complete.json"
_MARKER_V1: Final = "whole.json"
"""The marker's name in runs of schema version 1, which may still be resumed."""
STATE: Final = "trainer_state.json"


class Checkpoint(NamedTuple):
    """One complete checkpoint."""

    path: Path
    step: int
    """Optimizer steps so far."""
    final: bool
    """Whether training had ended."""
    seconds: float
    """Training time of the stage up to here, over all of its processes."""


def mark_complete(folder: Path, step: int, final: bool, seconds: float) -> None:
    """Write the marker of a checkpoint whose files are all written."""
    files = sorted(str(file.relative_to(folder)) for file in folder.rglob("*") if file.is_file())
    Folder(folder).write(MARKER, {"step": step, "final": final, "seconds": seconds, "files": files})


def latest(folder: Path) -> Checkpoint | None:
    """Return the last complete checkpoint in a folder of checkpoints, or None."""
    return max(_complete(folder), key=lambda checkpoint: checkpoint.step, default=None)


def delete_incomplete(folder: Path) -> None:
    """Delete the incomplete checkpoints in a folder of checkpoints."""
    complete = {checkpoint.path for checkpoint in _complete(folder)}
    for path in folder.glob("checkpoint-*"):
        if path not in complete:
            shutil.rmtree(path)


def best(checkpoint: Checkpoint) -> Path | None:
    """Return the complete checkpoint with the lowest dev loss up to the given one, or None.

    It is looked up by its step next to the given one, as the run may have been moved since its path was recorded.
    """
    step = _state(checkpoint).get("best_global_step")
    path = checkpoint.path.with_name(f"checkpoint-{step}")
    return path if step and _marker(path).is_file() else None


def update_best_path(checkpoint: Checkpoint) -> None:
    """Write the present path of the best checkpoint into a checkpoint's state.

    The trainer ignores a best checkpoint whose recorded path doesn't exist, and would count patience from 0.
    """
    state, path = _state(checkpoint), best(checkpoint)
    if path is not None and state.get("best_model_checkpoint") != str(path):
        Folder(checkpoint.path).write(STATE, {**state, "best_model_checkpoint": str(path)})


def _complete(folder: Path) -> Iterator[Checkpoint]:
    for path in folder.glob("checkpoint-*"):
        try:
            marker = json.loads(_marker(path).read_bytes())
            checkpoint = Checkpoint(path, marker["step"], marker["final"], marker["seconds"])
            files = [path / name for name in marker["files"]]
        except (OSError, ValueError, KeyError, TypeError):
            continue
        if all(file.is_file() for file in files):
            yield checkpoint


def _marker(path: Path) -> Path:
    old = path / _MARKER_V1
    return old if old.is_file() else path / MARKER


def _state(checkpoint: Checkpoint) -> dict[str, Any]:
    return Folder(checkpoint.path).read(STATE)
