"""Where a task's files are: the data folder, and the first known file in it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from evalsuite.tasks.schema import DataFile, Task

FOLDER = "EVALSUITE_DATA"
"""Environment variable: the data folder, a mirror in upstream's formats."""


@dataclass(frozen=True, slots=True)
class LocatedFile:
    """A known source and where its files lie."""

    source: DataFile
    root: Path
    paths: tuple[Path, ...]


def pull_folder() -> Path:
    """Where `pull` puts files when no data folder is named."""
    cache = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(cache).expanduser() / "evalsuite" / "data"


def data_folder(data_dir: Path | None = None) -> Path:
    """The data folder: the argument, else `EVALSUITE_DATA`, else the folder that `pull` fills."""
    if data_dir is not None:
        return data_dir
    named = os.environ.get(FOLDER)
    return Path(named).expanduser() if named else pull_folder()


def sources(task: Task) -> tuple[DataFile, ...]:
    """A task's known files in the order they are looked for, the hub's among them."""
    return (*task.sources, *_hub_sources(task))


def locate(task: Task, root: Path) -> LocatedFile | None:
    """Find the first known file of a task below `root`, or beside its card; refused ones come last."""
    known = sorted(sources(task), key=lambda source: bool(source.refuse))
    for folder in (root, task.folder):
        for source in known:
            found = find(source, folder)
            if found is not None:
                return found
    return None


def _absent(task: Task, root: Path) -> str:
    known = next((source.path for source in task.sources), None)
    offer = f"; expected {known} there" if known else ""
    pull = f", or fetch it: evalsuite data pull --tasks {task.name}" if task.hub and task.hub.layout else ""
    return f"{task.name}: no data in {root}{offer}; name a mirror with --data-dir or {FOLDER}{pull}"


def _hub_sources(task: Task) -> tuple[DataFile, ...]:
    if task.hub is None or not task.hub.layout:
        return ()
    hub, names = task.hub, ",".join(task.hub.files)
    folders = (f"hub/{hub.repo}", hub.repo)
    return tuple(
        DataFile(path=f"{folder}/{{{names}}}", layout=hub.layout, items=task.items, keep=hub.keep) for folder in folders
    )


def find(source: DataFile, root: Path) -> LocatedFile | None:
    """Find a source's files below a folder: a path, the same with `.gz`, or `folder/{pattern,pattern}`."""
    folder, braces, names = source.path.partition("{")
    patterns = [folder + name for name in names.removesuffix("}").split(",")] if braces else [source.path]
    paths: list[Path] = []
    for pattern in patterns:
        if any(c in pattern for c in "*?["):
            paths += sorted(path for path in root.glob(pattern) if path.is_file())
        else:
            paths += [path for path in (root / pattern, root / f"{pattern}.gz") if path.is_file()][:1]
    return LocatedFile(source, root, tuple(paths)) if paths else None
