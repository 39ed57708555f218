"""Download a task's files from the Hugging Face hub at a pinned commit, and check the items that they hold."""

from __future__ import annotations

import glob
import hashlib
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import partial
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from evalsuite.data.load import check_items, read_items
from evalsuite.data.locate import data_folder, find, sources, train_sources
from evalsuite.errors import DataError, ErrorCode, UsageError
from evalsuite.tasks.schema import UNVERIFIED, HubDataset, Task
from evalsuite.util.atomic_write import write_atomically
from evalsuite.util.file_digest import sha256_of
from evalsuite.util.html_page import without_page

if TYPE_CHECKING:
    from huggingface_hub.hf_api import RepoSibling

MANIFEST = "pulled.json"
HTTP_LIBRARIES = ("httpx", "httpx2", "httpcore", "httpcore2", "requests", "urllib3", "huggingface_hub")
"""Top-level modules of the exceptions that versions of huggingface_hub raise for a failed request."""
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Pulled:
    """The files that were downloaded for one task."""

    task: str
    repo: str
    revision: str
    """The commit of the files."""
    pinned: bool
    """Whether the card or the caller named that commit; otherwise it was resolved now."""
    files: tuple[str, ...]
    """Paths in the repository."""
    items: int
    """Items that were read and match the lock; 0 where no layout is known for these files."""
    notes: tuple[str, ...] = ()


def pull(
    tasks: Sequence[Task],
    data_dir: Path | None = None,
    revision: str | None = None,
    split: Literal["test", "train"] = "test",
) -> list[Pulled]:
    """Download each task's hub files into `hub/<repo>` of the data folder and check the items against the card.

    `split` chooses the files that evaluation uses or the train files, where the card knows some. `revision` (a commit,
    a branch or a tag) replaces the cards'. A manifest beside the files, written last, records their commit. A
    repository that is absent, gated or out of reach is a `DataError` of one line, and files that were downloaded
    before stay.
    """
    without_hub = [task.name for task in tasks if task.hub is None]
    if without_hub:
        message = f"{', '.join(without_hub)}: no hub data set is known; the items come with the card or from a mirror"
        raise UsageError(ErrorCode.INVALID_ARGUMENT, message)
    without_train = [task.name for task in tasks if task.hub is not None and task.hub.train is None]
    if split == "train" and without_train:
        message = f"{', '.join(without_train)}: the card knows no train items on the hub: leave the task out"
        raise UsageError(ErrorCode.INVALID_ARGUMENT, message)
    root = data_folder(data_dir)
    return [_pull(task, task.hub, root, revision, split) for task in tasks if task.hub is not None]


def _pull(task: Task, hub: HubDataset, root: Path, revision: str | None, split: Literal["test", "train"]) -> Pulled:
    pinned = revision is not None or hub.revision != UNVERIFIED
    folder = root / "hub" / hub.repo
    patterns = hub.train.files if split == "train" and hub.train else hub.files
    commit, files = _list_files(task, hub, patterns, revision or (hub.revision if pinned else hub.ref))
    names = [file.rfilename for file in files]
    _from_hub(task, hub, partial(_download, hub.repo, commit, names, folder))
    for file in files:
        _check_download(task, hub, commit, folder / file.rfilename, file)
    _write_manifest(folder, hub.repo, commit, names)
    notes = [] if pinned else [f"{hub.repo}: revision unverified: {hub.ref} is {commit} today"]
    items = 0
    if split == "train" or hub.layout:
        items, item_notes = _check(task, root, split)
        notes += item_notes
    else:
        notes.append(f"{task.name}: downloaded, but no layout reads these files yet: {hub.note}")
    return Pulled(task.name, hub.repo, commit, pinned, tuple(names), items, tuple(notes))


def _list_files(task: Task, hub: HubDataset, patterns: Sequence[str], revision: str) -> tuple[str, list[RepoSibling]]:
    """Resolve a revision to its commit, and return it with the files of the card that it has."""
    commit, available = _from_hub(task, hub, partial(_dataset_info, hub.repo, revision))
    files = [file for file in available if any(fnmatchcase(file.rfilename, pattern) for pattern in patterns)]
    if not files or not commit:
        offer = ", ".join(file.rfilename for file in available[:8]) or "nothing"
        message = f"{task.name}: {hub.repo} at {revision} has no {', '.join(patterns)}; it has: {offer}"
        raise DataError(ErrorCode.HUB_UNAVAILABLE, message)
    for file in files:
        # huggingface_hub joins names to the folder without such a check, except on Windows.
        if ".." in PurePosixPath(file.rfilename).parts or PurePosixPath(file.rfilename).is_absolute():
            message = f"{task.name}: {hub.repo}: refused a file name that leaves the folder: {file.rfilename}"
            raise DataError(ErrorCode.DATA_REFUSED, message)
    return commit, files


def _dataset_info(repo: str, revision: str) -> tuple[str, list[RepoSibling]]:
    from huggingface_hub import HfApi

    info = HfApi().dataset_info(repo, revision=revision, files_metadata=True)
    return info.sha or "", list(info.siblings or [])


def _download(repo: str, commit: str, names: Iterable[str], folder: Path) -> None:
    from huggingface_hub import snapshot_download

    # Exact names instead of the card's patterns: the library lists the repository again, and only the names of the
    # first listing were checked.
    patterns = [glob.escape(name) for name in names]
    snapshot_download(repo, repo_type="dataset", revision=commit, local_dir=folder, allow_patterns=patterns)


def _check_download(task: Task, hub: HubDataset, commit: str, path: Path, file: RepoSibling) -> None:
    """Compare a file's bytes with the digest that the hub reports for it, where it reports one.

    If the hub stops answering, `snapshot_download` warns and returns files of any commit that are already in the
    folder, which must not be recorded as files of this one.
    """
    where = f"{task.name}: {hub.repo}"
    if not path.is_file():
        raise DataError(ErrorCode.HUB_UNAVAILABLE, f"{where}: {file.rfilename} was not downloaded; try again")
    if file.lfs is not None:
        expected, actual = file.lfs.sha256, sha256_of(path)
    elif file.blob_id:
        content = path.read_bytes()
        # The object id of git: SHA-1 over a header and the content.
        expected, actual = file.blob_id, hashlib.sha1(b"blob %d\0%b" % (len(content), content)).hexdigest()
    else:
        return
    if actual != expected:
        message = f"{where}: {path} is not the file of commit {commit[:12]}; delete it, then pull again"
        raise DataError(ErrorCode.DATA_CHANGED, message)


def _from_hub(task: Task, hub: HubDataset, request: Callable[[], T]) -> T:
    """Send a request to the hub; each way in which it can fail is a `DataError` of one line."""
    from huggingface_hub import errors

    where = f"{task.name}: {hub.repo}"
    try:
        return request()
    except errors.GatedRepoError:
        message = f"{where}: gated: accept its terms on the hub, then log in with hf auth login"
        raise DataError(ErrorCode.HUB_ACCESS_DENIED, message) from None
    except errors.RepositoryNotFoundError:
        message = f"{where}: absent or private: check the name, or log in with hf auth login"
        raise DataError(ErrorCode.HUB_ACCESS_DENIED, message) from None
    except errors.RevisionNotFoundError:
        message = f"{where}: no such revision; see its history on the hub"
        raise DataError(ErrorCode.HUB_UNAVAILABLE, message) from None
    except (errors.OfflineModeIsEnabled, errors.LocalEntryNotFoundError) as error:
        message = f"{where}: offline: {_one_line(error)}; name a mirror in `data_dir`"
        raise DataError(ErrorCode.HUB_UNAVAILABLE, message) from None
    except errors.EntryNotFoundError as error:
        raise DataError(ErrorCode.HUB_UNAVAILABLE, f"{where}: a file is gone: {_one_line(error)}") from None
    except Exception as error:
        if not isinstance(error, OSError) and type(error).__module__.partition(".")[0] not in HTTP_LIBRARIES:
            raise
        message = f"{where}: can't be downloaded: {_one_line(error)}; try again, or name a mirror in `data_dir`"
        raise DataError(ErrorCode.HUB_UNAVAILABLE, message) from None


def _one_line(error: BaseException) -> str:
    return " ".join(without_page(str(error)).split())[:160] or type(error).__name__


def _check(task: Task, root: Path, split: Literal["test", "train"]) -> tuple[int, list[str]]:
    """Read the downloaded files and compare their items with the lock; return the number of items, and notes."""
    known = sources(task) if split == "test" else train_sources(task)
    candidates = (find(source, root) for source in known if source.path.startswith("hub/"))
    located = next(each for each in candidates if each)
    rows = read_items(task, located)
    checked = check_items(task, located, rows)
    return len(rows.items), [*rows.notes, *checked.notes]


def _write_manifest(folder: Path, repo: str, commit: str, names: Iterable[str]) -> None:
    """Add these files to the folder's manifest, in one step, after all of them were downloaded."""
    path = folder / MANIFEST
    try:
        known: dict[str, Any] = json.loads(path.read_text("utf-8")) if path.is_file() else {}
    except ValueError:
        known = {}
    files = known.get("files", {})
    for name in names:
        files[name] = {"revision": commit, "sha256": sha256_of(folder / name)}
    content = {"repo": repo, "files": dict(sorted(files.items()))}
    write_atomically(path, (json.dumps(content, indent=1) + "\n").encode())
