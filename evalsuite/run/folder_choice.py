"""Which folder a run is written to: a new one, the unfinished run of the same identity, or the one that was named."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from evalsuite.errors import ErrorCode, RunError
from evalsuite.models.function import INCOMPLETE
from evalsuite.run.identity import Identity
from evalsuite.run_folder import RunFolder, disk_error
from evalsuite.util.atomic_write import is_partial_of

FolderChoice = Callable[[Identity], RunFolder]
"""Returns the folder of a run, given the run's identity; it accepts lost lines, whose requests are sent again."""
_SUFFIXES = ("", *(f"-{number}" for number in range(1, 100)))
"""Behind the time of the start, for runs that start in the same second."""


def new_or_unfinished(parent: Path, model: str, identity: Identity) -> RunFolder:
    """Return the latest unfinished run of this identity below `parent`, or a new folder `parent/<model>/<time>`."""
    runs = parent / re.sub(r"[^\w.@+-]+", "_", model).strip("._")
    for file in sorted(runs.glob("*/run.json"), reverse=True):
        folder = RunFolder(file.parent, lost_lines=True)
        if folder.is_unfinished(identity):
            return folder
    start = datetime.now(UTC).strftime("%Y%m%dT%H%M%S")
    for path in (runs / f"{start}{suffix}" for suffix in _SUFFIXES):
        try:
            path.mkdir(parents=True)
        except FileExistsError:
            continue
        except OSError as error:
            raise disk_error(path, error) from None
        return RunFolder(path)
    raise RunError(ErrorCode.OUTPUT_EXISTS, f"{runs}: {len(_SUFFIXES)} runs were started in this second; try again")


def named_folder(path: Path, identity: Identity) -> RunFolder:
    """Return the run in `path`, or an empty folder there; another run is a `RunError` that names the difference."""
    folder = RunFolder(path, lost_lines=True)
    if not (path / "run.json").exists():
        if path.exists() and not (path.is_dir() and _has_only_run_files(path)):
            raise RunError(ErrorCode.OUTPUT_EXISTS, f"{path}: not empty and not a run; choose another `out`")
        return folder
    differences = list(_differences(folder.facts["identity"], identity))
    if differences:
        advice = "choose another `out`"
        if str(identity["revision"]).startswith(INCOMPLETE):
            advice += ", or name the function's state with `version`: it holds objects that have no digest"
        raise RunError(ErrorCode.RUN_MISMATCH, f"{path}: holds another run ({'; '.join(differences[:3])}); {advice}")
    return folder


def _has_only_run_files(path: Path) -> bool:
    """Whether a folder without a run.json is one that a run was about to start in."""
    names = {entry.name for entry in path.iterdir() if not is_partial_of(entry, path / "run.json")}
    return names <= {"responses", "tasks", ".lock"}


def _differences(stored: Any, requested: Any, key: str = "") -> Iterator[str]:
    if isinstance(stored, dict) and isinstance(requested, dict):
        for name in {**stored, **requested}:
            yield from _differences(stored.get(name), requested.get(name), f"{key}.{name}".lstrip("."))
    elif stored != requested:
        yield f"{key}: {stored} there, {requested} here"
