"""Make the lock of a task, and check a data folder against it: bytes, items, digests."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from evalsuite.data import canonical
from evalsuite.data.load import checked, read
from evalsuite.data.locate import LocatedFile, data_folder, find, sources
from evalsuite.data.lock import section as section_name
from evalsuite.data.lock import write_lock
from evalsuite.errors import DataError
from evalsuite.tasks.schema import Task


@dataclass(frozen=True, slots=True)
class DataFinding:
    """Something that `verify` has to say about one file."""

    task: str
    file: str
    severity: Literal["error", "note"]
    what: str


@dataclass(frozen=True, slots=True)
class Verification:
    """What `verify` read and found; `sound` says whether no finding is an error."""

    files: tuple[str, ...]
    """Files that were read, once for each task that uses them."""
    items: int
    findings: tuple[DataFinding, ...]

    @property
    def sound(self) -> bool:
        """Whether nothing is wrong."""
        return not any(finding.severity == "error" for finding in self.findings)


def verify(tasks: Sequence[Task], data_dir: Path | None = None) -> Verification:
    """Recompute every digest of every file of these tasks, train and dev included.

    An error names the file and the items that differ. Changed bytes are an error even where they leave every item as it
    was, which `load` lets pass with a note; so is a task none of whose files is there. Refused files are not read.
    """
    root = data_folder(data_dir)
    if data_dir is not None and not root.is_dir():
        raise DataError(f"{root}: no such data folder")
    files: list[str] = []
    items = 0
    findings: list[DataFinding] = []
    for task in tasks:
        known = [found for found in _present(task, root) if not found.source.refuse]
        own = sources(task)
        if not any(found.source in own for found in known):
            findings.append(DataFinding(task.name, str(root), "error", "none of its files is here"))
        for found in known:
            files.append(str(found.paths[0]))
            count, said = _file(task, found)
            items += count
            findings += said
    return Verification(tuple(files), items, tuple(findings))


def lock(task: Task, data_dir: Path | None = None) -> dict[str, str]:
    """Write a task's `items.lock` from the files that are there; return {section: canonical digest} for its card.

    For maintainers: whoever calls this says that these files are the right ones.
    """
    root = data_folder(data_dir)
    named = {*task.sources, *task.dev, *task.train}
    sections = {
        section_name(found.source): read(task, found).items
        for found in _present(task, root)
        if found.source in named and not found.source.refuse
    }
    if not sections:
        raise DataError(f"{task.name}: nothing to lock: none of its files is in {root}")
    write_lock(task.folder, sections)
    return {section: canonical.digest(items) for section, items in sections.items()}


def _present(task: Task, root: Path) -> Iterator[LocatedFile]:
    for source in (*sources(task), *task.dev, *task.train):
        found = find(source, root) or (find(source, task.folder) if source in task.sources else None)
        if found is not None:
            yield found


def _file(task: Task, found: LocatedFile) -> tuple[int, list[DataFinding]]:
    name = str(found.paths[0])
    try:
        reading = read(task, found)
        _, _, notes = checked(task, found, reading)
    except DataError as error:
        return 0, [DataFinding(task.name, name, "error", _bare(str(error), task, name))]
    said = [
        DataFinding(task.name, name, "note", _bare(note, task, name))
        for note in (*reading.notes, *notes, *_stored(found))
    ]
    if found.source.sha256 not in ("", reading.sha256):
        what = f"changed bytes, though every item is the same: sha256 {reading.sha256}, known {found.source.sha256}"
        said.append(DataFinding(task.name, name, "error", what))
    if len(reading.items) != found.source.items:
        what = f"{len(reading.items)} items, the card says {found.source.items}"
        said.append(DataFinding(task.name, name, "error", what))
    return len(reading.items), said


def _bare(message: str, task: Task, name: str) -> str:
    """A message without the task and the file, which a finding carries apart."""
    return message.removeprefix(f"{task.name}: ").removeprefix(f"{name}: ")


def _stored(found: LocatedFile) -> Iterator[str]:
    """Say where a file is compressed otherwise than in the known mirror."""
    path, known = found.paths[0], found.source.stored_sha256
    if known and path.suffix == ".gz" and hashlib.sha256(path.read_bytes()).hexdigest() != known:
        yield "compressed otherwise than the known copy; only the content counts"
