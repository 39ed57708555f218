"""The trainer's checkpoints: which are whole, and which a kill has torn.

The trainer writes a checkpoint file by file, each process its own, and deletes an old one file by file too. So every
whole one gets a mark that lists its files, when each process has written its part: what has no mark, or lacks a file of
its list, is torn.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple

from training.run_folder import Folder

MARK: Final = "whole.json"
STATE: Final = "trainer_state.json"


class Checkpoint(NamedTuple):
    """A whole checkpoint."""

    path: Path
    step: int
    final: bool
    """Whether no step was left."""
    seconds: float
    """What the stage had taken up to here, over all its processes."""


def mark(folder: Path, step: int, final: bool, seconds: float) -> None:
    """Say of a checkpoint that it is whole; `final`: that it is the last one."""
    files = sorted(str(file.relative_to(folder)) for file in folder.rglob("*") if file.is_file())
    Folder(folder).write(MARK, {"step": step, "final": final, "seconds": seconds, "files": files})


def latest(folder: Path) -> Checkpoint | None:
    """The last whole checkpoint of a folder, if there is one."""
    return max(_whole(folder), key=lambda checkpoint: checkpoint.step, default=None)


def clear(folder: Path) -> None:
    """Delete torn checkpoints."""
    kept = {checkpoint.path for checkpoint in _whole(folder)}
    for path in folder.glob("checkpoint-*"):
        if path not in kept:
            shutil.rmtree(path)


def best(checkpoint: Checkpoint) -> Path | None:
    """The checkpoint with the lowest loss so far, by its step: the folder may have been moved since."""
    step = _state(checkpoint).get("best_global_step")
    path = checkpoint.path.with_name(f"checkpoint-{step}")
    return path if step and (path / MARK).is_file() else None


def settle(checkpoint: Checkpoint) -> None:
    """Tell a checkpoint's state where its best one is now; the trainer forgets one that it can't find."""
    state, found = _state(checkpoint), best(checkpoint)
    if found is not None and state.get("best_model_checkpoint") != str(found):
        Folder(checkpoint.path).write(STATE, {**state, "best_model_checkpoint": str(found)})


def _whole(folder: Path) -> Iterator[Checkpoint]:
    for path in folder.glob("checkpoint-*"):
        try:
            said = json.loads((path / MARK).read_bytes())
            found = Checkpoint(path, said["step"], said["final"], said["seconds"])
            files = [path / name for name in said["files"]]
        except (OSError, ValueError, KeyError, TypeError):
            continue
        if all(file.is_file() for file in files):
            yield found


def _state(checkpoint: Checkpoint) -> dict[str, Any]:
    return Folder(checkpoint.path).read(STATE)
