"""Fetch a task's files from the Hugging Face hub at a pinned revision, and check the items that they hold."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any, TypeVar

from evalsuite.data.load import checked, read
from evalsuite.data.locate import data_folder, find, sources
from evalsuite.errors import DataError, UsageError
from evalsuite.tasks.schema import HubDataset, Task

MANIFEST = "pulled.json"
UNVERIFIED = "unverified"
HTTP_LIBRARIES = ("httpx", "httpx2", "httpcore", "httpcore2", "requests", "urllib3", "huggingface_hub")
"""What huggingface_hub's errors are made of, by version."""
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Pulled:
    """What was fetched for one task."""

    task: str
    repo: str
    revision: str
    """The commit that was fetched."""
    pinned: bool
    """Whether the card (or the caller) named that commit; else it was resolved now."""
    files: tuple[str, ...]
    """Paths in the repository."""
    items: int
    """Items read and found to be the locked ones; 0 where no layout is known for these files."""
    notes: tuple[str, ...] = ()


def pull(tasks: Sequence[Task], data_dir: Path | None = None, revision: str | None = None) -> list[Pulled]:
    """Fetch each task's hub files into `hub/<repo>` of the data folder and check the items against the card.

    `revision` (a commit, a branch or a tag) replaces the cards'. A manifest beside the files, written last, says which
    commit they are. Absent, gated, offline: a `DataError` of one line; files already there are kept.
    """
    lacking = [task.name for task in tasks if task.hub is None]
    if lacking:
        raise UsageError(f"{', '.join(lacking)}: no hub data set is known; the items come with the card or a mirror")
    root = data_folder(data_dir)
    return [_pull(task, task.hub, root, revision) for task in tasks if task.hub is not None]


def _pull(task: Task, hub: HubDataset, root: Path, revision: str | None) -> Pulled:
    pinned = revision is not None or hub.revision != UNVERIFIED
    wanted = revision or (hub.revision if pinned else hub.ref)
    folder = root / "hub" / hub.repo
    commit, names = _listed(task, hub, wanted)
    for name in names:
        _asked(task, hub, partial(_fetch, hub.repo, name, commit, folder))
    _write_manifest(folder, hub.repo, commit, names)
    notes = [] if pinned else [f"{hub.repo}: revision unverified: {hub.ref} is {commit} today"]
    items = 0
    if hub.layout:
        items, said = _check(task, root)
        notes += said
    else:
        notes.append(f"{task.name}: fetched, but no layout reads these files yet: {hub.note}")
    return Pulled(task.name, hub.repo, commit, pinned, tuple(names), items, tuple(notes))


def _listed(task: Task, hub: HubDataset, wanted: str) -> tuple[str, list[str]]:
    """The commit that `wanted` is, and the files there that the card names."""
    commit, there = _asked(task, hub, partial(_info, hub.repo, wanted))
    names = [name for name in there if any(fnmatchcase(name, pattern) for pattern in hub.files)]
    if not names or not commit:
        offer = ", ".join(there[:8]) or "nothing"
        raise DataError(f"{task.name}: {hub.repo} at {wanted} has no {', '.join(hub.files)}; it has: {offer}")
    for name in names:
        if ".." in PurePosixPath(name).parts or PurePosixPath(name).is_absolute():
            raise DataError(f"{task.name}: {hub.repo}: refused a file name that leaves the folder: {name}")
    return commit, names


def _info(repo: str, revision: str) -> tuple[str, list[str]]:
    from huggingface_hub import HfApi

    info = HfApi().dataset_info(repo, revision=revision)
    return info.sha or "", [file.rfilename for file in info.siblings or []]


def _fetch(repo: str, name: str, commit: str, folder: Path) -> None:
    from huggingface_hub import hf_hub_download

    hf_hub_download(repo, name, repo_type="dataset", revision=commit, local_dir=folder)


def _asked(task: Task, hub: HubDataset, ask: Callable[[], T]) -> T:
    """Ask the hub; whatever goes wrong becomes one line."""
    from huggingface_hub import errors

    where = f"{task.name}: {hub.repo}"
    try:
        return ask()
    except errors.GatedRepoError:
        raise DataError(f"{where}: gated: accept its terms on the hub, then log in with `hf auth login`") from None
    except errors.RepositoryNotFoundError:
        raise DataError(f"{where}: absent or private: check the name, or log in with `hf auth login`") from None
    except errors.RevisionNotFoundError:
        raise DataError(f"{where}: no such revision; see its history on the hub") from None
    except (errors.OfflineModeIsEnabled, errors.LocalEntryNotFoundError) as error:
        raise DataError(f"{where}: offline: {_line(error)}; use a mirror with --data-dir") from None
    except errors.EntryNotFoundError as error:
        raise DataError(f"{where}: a file is gone: {_line(error)}") from None
    except Exception as error:
        if not isinstance(error, OSError) and type(error).__module__.partition(".")[0] not in HTTP_LIBRARIES:
            raise
        raise DataError(f"{where}: can't be fetched: {_line(error)}; try again, or use --data-dir") from None


def _line(error: BaseException) -> str:
    return " ".join(str(error).split())[:160] or type(error).__name__


def _check(task: Task, root: Path) -> tuple[int, list[str]]:
    """Read what was fetched and compare it with the lock."""
    hub = (find(source, root) for source in sources(task) if source.path.startswith("hub/"))
    found = next(found for found in hub if found)
    reading = read(task, found)
    _, _, notes = checked(task, found, reading)
    return len(reading.items), [*reading.notes, *notes]


def _write_manifest(folder: Path, repo: str, commit: str, names: Iterable[str]) -> None:
    """Add these files to the folder's manifest, in one step, after all of them are there."""
    path = folder / MANIFEST
    try:
        known: dict[str, Any] = json.loads(path.read_text("utf-8")) if path.is_file() else {}
    except ValueError:
        known = {}
    files = known.get("files", {})
    for name in names:
        files[name] = {"revision": commit, "sha256": hashlib.sha256((folder / name).read_bytes()).hexdigest()}
    facts = {"repo": repo, "files": dict(sorted(files.items()))}
    part = path.with_suffix(".part")
    part.write_text(json.dumps(facts, indent=1) + "\n", "utf-8")
    part.replace(path)
