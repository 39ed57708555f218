"""Find a task's files: the data folder, and the first known file in it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from evalsuite.errors import DataError, ErrorCode
from evalsuite.tasks.schema import BUILT_IN, DataFile, HubDataset, Task, alternatives
from evalsuite.util.regular_file import check_inside

FOLDER = "EVALSUITE_DATA"
"""Environment variable: the data folder, a mirror in upstream's formats."""


@dataclass(frozen=True, slots=True)
class LocatedFile:
    """One source of a task card, with the paths at which its files are."""

    source: DataFile
    root: Path
    paths: tuple[Path, ...]


def pull_folder() -> Path:
    """Return the folder that `pull` writes to when no data folder is named."""
    cache = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(cache).expanduser() / "evalsuite" / "data"


def data_folder(data_dir: Path | None = None) -> Path:
    """Return the data folder: the argument, else `EVALSUITE_DATA`, else the folder that `pull` writes to."""
    if data_dir is not None:
        return data_dir
    named = os.environ.get(FOLDER)
    return Path(named).expanduser() if named else pull_folder()


def sources(task: Task) -> tuple[DataFile, ...]:
    """Return a task's known files in the order in which they are looked for, those of the hub among them."""
    return (*task.sources, *_hub_sources(task))


def train_sources(task: Task) -> tuple[DataFile, ...]:
    """Return a task's known files of train items: the hub's, which are complete, before those of a mirror."""
    if task.hub is None or task.hub.train is None:
        return task.train
    train = task.hub.train
    facts = {"layout": train.layout, "items": train.items, "digest": train.digest, "keep": train.keep}
    return (*_below_hub_folders(task.hub, train.files, facts), *task.train)


def locate(task: Task, root: Path) -> LocatedFile | None:
    """Return the first known file of a task below `root`, or beside its card; refused ones come last.

    A link that leads out of the card's folder, which may be somebody else's, is a `DataError`; the data folder is the
    user's own, and so are its links.
    """
    known = sorted(sources(task), key=lambda source: bool(source.refuse))
    for folder in (root, task.folder):
        for source in known:
            located = find(source, folder)
            if located is not None:
                if folder != root and folder != BUILT_IN / task.name:  # an installer may link the package's files
                    _check_links(located)
                return located
    return None


def absence_message(task: Task, root: Path) -> str:
    """Return one line for a task without data: the file that was expected, and the ways to get it."""
    known = next((source.path for source in task.sources), None)
    offer = f"; expected {known} there" if known else ""
    pull = f", or fetch it: evalsuite data pull --tasks {task.name}" if task.hub and task.hub.layout else ""
    return f"{task.name}: no data in {root}{offer}; name a mirror in `data_dir` or {FOLDER}{pull}"


def _hub_sources(task: Task) -> tuple[DataFile, ...]:
    if task.hub is None or not task.hub.layout:
        return ()
    hub, items = task.hub, task.items if task.hub.items is None else task.hub.items
    facts = {"layout": hub.layout, "items": items, "digest": hub.digest, "variant": hub.variant, "keep": hub.keep}
    return _below_hub_folders(hub, hub.files, facts)


def _below_hub_folders(hub: HubDataset, files: tuple[str, ...], facts: dict[str, Any]) -> tuple[DataFile, ...]:
    # `pull` writes below hub/; a clone of the repository may also be put into the data folder by hand.
    folders = (f"hub/{hub.repo}", hub.repo)
    return tuple(DataFile(path=f"{folder}/{{{','.join(files)}}}", **facts) for folder in folders)


def _check_links(located: LocatedFile) -> None:
    for path in located.paths:
        try:
            check_inside(path, located.root)
        except OSError as error:
            raise DataError(ErrorCode.DATA_REFUSED, f"{path}: {error.strerror}") from None


def find(source: DataFile, root: Path) -> LocatedFile | None:
    """Find a source's files below a folder: a path, the same with `.gz`, or `folder/{pattern,pattern}`."""
    paths: list[Path] = []
    for pattern in alternatives(source.path):
        if any(char in pattern for char in "*?["):
            paths += _matching(root, pattern)
        else:
            paths += [path for path in (root / pattern, root / f"{pattern}.gz") if path.is_file()][:1]
    return LocatedFile(source, root, tuple(paths)) if paths else None


def _matching(root: Path, pattern: str) -> list[Path]:
    """Return the files that a shell pattern matches as the hub reads it: `*` also stands for a slash."""
    fixed = pattern[: min(pattern.index(char) for char in "*?[" if char in pattern)].rpartition("/")[0]
    files = (path for path in (root / fixed).rglob("*") if path.is_file())
    return sorted(path for path in files if fnmatchcase(path.relative_to(root).as_posix(), pattern))
