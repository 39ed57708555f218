"""Make the item lock of a task, and check a data folder against it: bytes, items, digests."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from evalsuite.data import canonical
from evalsuite.data.drawn_items import drawing_of, lock_section
from evalsuite.data.item_lock import section_name, write_lock
from evalsuite.data.load import check_items, existing_folder, load, read_items
from evalsuite.data.locate import LocatedFile, data_folder, find, sources
from evalsuite.errors import DataError, ErrorCode
from evalsuite.tasks.schema import Task
from evalsuite.util.file_digest import sha256_of


@dataclass(frozen=True, slots=True)
class DataFinding:
    """One error or note about a file."""

    task: str
    file: str
    severity: Literal["error", "note"]
    message: str


@dataclass(frozen=True, slots=True)
class Verification:
    """The result of verifying a data folder."""

    files: tuple[str, ...]
    """Files that were read, once for each task that uses them."""
    items: int
    findings: tuple[DataFinding, ...]
    missing: tuple[str, ...] = ()
    """Tasks none of whose files exists; each is also an error among the findings."""

    @property
    def passed(self) -> bool:
        """Whether no finding is an error."""
        return not any(finding.severity == "error" for finding in self.findings)


def verify(tasks: Sequence[Task], data_dir: Path | None = None) -> Verification:
    """Recompute every digest of every file of these tasks, train and dev included.

    An error names the file and the items that differ. Changed bytes are an error even if they leave every item as it
    was, which `load` accepts with a note; so is a task none of whose files exists. Refused files are not read.
    """
    root = existing_folder(data_dir)
    files: list[str] = []
    items = 0
    findings: list[DataFinding] = []
    missing: list[str] = []
    for task in tasks:
        if task.generated is not None:
            count, of_task = _verify_drawn(task)
            files, items, findings = [*files, task.name], items + count, [*findings, *of_task]
            continue
        known = [located for located in _located(task, root) if not located.source.refuse]
        test_files = sources(task)
        if not any(located.source in test_files for located in known):
            missing.append(task.name)
            findings.append(DataFinding(task.name, str(root), "error", "none of its files is here"))
        for located in known:
            files.append(str(located.paths[0]))
            count, of_file = _verify_file(task, located)
            items += count
            findings += of_file
    return Verification(tuple(files), items, tuple(findings), tuple(missing))


def lock(task: Task, data_dir: Path | None = None) -> dict[str, str]:
    """Write a task's `items.lock` from the files in the data folder; return {section: canonical digest} for its card.

    For maintainers: the caller vouches that these files are the right ones. Of a task whose items are drawn those of
    the default arguments are locked.
    """
    if drawing := drawing_of(task):
        write_lock(task.folder, {lock_section(drawing): drawing.items})
        return {lock_section(drawing): canonical.digest(drawing.items)}
    root = data_folder(data_dir)
    named = {*task.sources, *task.dev, *task.train}
    sections = {
        section_name(located.source): read_items(task, located).items
        for located in _located(task, root)
        if located.source in named and not located.source.refuse
    }
    if not sections:
        message = f"{task.name}: nothing to lock: none of its files is in {root}"
        raise DataError(ErrorCode.DATA_NOT_FOUND, message)
    write_lock(task.folder, sections)
    return {section: canonical.digest(items) for section, items in sections.items()}


def _located(task: Task, root: Path) -> Iterator[LocatedFile]:
    for source in (*sources(task), *task.dev, *task.train):
        located = find(source, root) or (find(source, task.folder) if source in task.sources else None)
        if located is not None:
            yield located


def _verify_drawn(task: Task) -> tuple[int, list[DataFinding]]:
    """Return the number of a task's drawn items and the findings about them."""
    try:
        return len(load(task).items), []
    except DataError as error:
        return 0, [DataFinding(task.name, "drawn", "error", str(error).removeprefix(f"{task.name}: "))]


def _verify_file(task: Task, located: LocatedFile) -> tuple[int, list[DataFinding]]:
    """Return the number of items in a file and the findings about it."""
    name = str(located.paths[0])

    def finding(severity: Literal["error", "note"], message: str) -> DataFinding:
        # A finding states its task and file in fields of their own.
        bare = message.removeprefix(f"{task.name}: ").removeprefix(f"{name}: ")
        return DataFinding(task.name, name, severity, bare)

    try:
        rows = read_items(task, located)
        checked = check_items(task, located, rows)
    except DataError as error:
        return 0, [finding("error", str(error))]
    findings = [finding("note", note) for note in (*rows.notes, *checked.notes, *_compression_notes(located))]
    if located.source.sha256 not in ("", rows.sha256):
        message = f"changed bytes, though every item is the same: sha256 {rows.sha256}, known {located.source.sha256}"
        findings.append(finding("error", message))
    if len(rows.items) != located.source.items:
        findings.append(finding("error", f"{len(rows.items)} items, the card says {located.source.items}"))
    return len(rows.items), findings


def _compression_notes(located: LocatedFile) -> Iterator[str]:
    """Yield a note if a file is compressed differently from the known mirror's."""
    path, known = located.paths[0], located.source.stored_sha256
    if known and path.suffix == ".gz" and sha256_of(path) != known:
        yield "compressed differently from the known copy; only the content counts"
