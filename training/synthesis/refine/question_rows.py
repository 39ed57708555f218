"""Reads the questions that are to be refined: a folder that was written here, a file, or a task's train items."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, NamedTuple

from evalsuite.data.file_formats import parse, read_bytes
from evalsuite.data.load import load_split
from evalsuite.data.own_items import native_row
from evalsuite.errors import DataError, ErrorCode, UsageError
from evalsuite.run.stored_tasks import ITEMS
from evalsuite.tasks.registry import load_task, task_names
from evalsuite.util.jsonl import parse_json
from training.data.manifest import FILE, Manifest, verify

PROOFS: Final = "proofs.jsonl"
DEFAULT_NAME: Final = "questions"
"""Name of the task that is made of a file's questions."""
_LINES: Final = (".jsonl", ".jsonl.gz")


class QuestionRow(NamedTuple):
    """One row as it was read: where it stands, and its content, which is text where it isn't a JSON object."""

    where: str
    content: dict[str, Any] | str


@dataclass(frozen=True, slots=True)
class QuestionRows:
    """The rows of a source, with what is known of all of them."""

    name: str
    """Name of the task that is made of them."""
    licence: str
    language: str
    rows: list[QuestionRow]
    about: str = "Multiple-choice questions."
    """What they are, with the attribution that a licence demands."""
    proofs: Mapping[str, dict[str, Any]] = field(default_factory=dict)
    """Proofs by item id."""
    manifest: Manifest | None = None
    """The manifest of a folder, whose files match it."""
    train_of: str = ""
    """The task whose train split they are."""


def read_questions(
    source: str, licence: str | None = None, skip_bad: bool = False, data_dir: Path | None = None
) -> QuestionRows:
    """Read a source of questions: a folder with a manifest, a file in the native layout, or the name of a task.

    A line that isn't a JSON object is a `DataError` that names file and line; with `skip_bad` it becomes a row of text,
    which the format filter rejects. A file says nothing of its licence, so that `licence` must.
    """
    path = Path(source)
    if path.is_dir():
        found = _folder(path, skip_bad)
    elif path.exists():
        if not licence:
            raise UsageError(ErrorCode.MISSING_ARGUMENT, f"`licence`: say under which licence the rows of {path} are")
        found = QuestionRows(DEFAULT_NAME, licence, "en", list(_file(path, skip_bad)))
    elif source in task_names():
        found = _task(source, data_dir)
    else:
        raise DataError(ErrorCode.DATA_NOT_FOUND, f"{source}: there is no such folder or file, and no such task")
    if not found.rows:
        raise DataError(ErrorCode.DATA_NOT_FOUND, f"{source}: there are no questions in it")
    return found


def read_lines(path: Path, skip_bad: bool = False) -> Iterator[QuestionRow]:
    """Yield the rows of a file of JSON lines, each named `file:line`; blank lines are no rows."""
    for number, line in enumerate(read_bytes(path).removeprefix(b"\xef\xbb\xbf").split(b"\n"), 1):
        if not line.strip():
            continue
        where = f"{path.name}:{number}"
        try:
            content = parse_json(line)
            if isinstance(content, dict):
                yield QuestionRow(where, content)
                continue
            reason = f"a JSON object is expected, not {type(content).__name__}"
        except ValueError as error:
            reason = str(error)
        if not skip_bad:
            message = f"{path}:{number}: {reason}; correct the line, or leave such lines out with `skip_bad`"
            raise DataError(ErrorCode.DATA_MALFORMED, message)
        yield QuestionRow(where, line.decode("utf-8", "backslashreplace"))


def _file(path: Path, skip_bad: bool) -> Iterator[QuestionRow]:
    if path.name.endswith(_LINES):
        yield from read_lines(path, skip_bad)
        return
    content = parse(path)
    rows = content if isinstance(content, list) else [content]
    for number, row in enumerate(rows, 1):
        where = f"{path.name}: row {number}"
        if not isinstance(row, dict) and not skip_bad:
            raise DataError(ErrorCode.DATA_MALFORMED, f"{path}: row {number}: a mapping is expected; correct the file")
        yield QuestionRow(where, row if isinstance(row, dict) else str(row))


def _folder(folder: Path, skip_bad: bool) -> QuestionRows:
    manifest = verify(folder)
    tasks = [file.path for file in manifest.files if file.path.endswith(f"/{ITEMS}")]
    if len(tasks) != 1:
        message = f"{folder / FILE}: names {len(tasks)} task folders with {ITEMS}; one is needed, or name the file"
        raise DataError(ErrorCode.INVALID_MANIFEST, message)
    items = folder / tasks[0]
    card = load_task(items.parent.name, items.parent)
    proofs = {}
    if manifest.find(PROOFS) is not None:
        for row in read_lines(folder / PROOFS):
            proof = dict(row.content) if isinstance(row.content, dict) else {}
            proofs[str(proof.pop("item", ""))] = proof
    rows = list(read_lines(items, skip_bad))
    return QuestionRows(card.name, manifest.licence, card.language, rows, card.about, proofs, manifest)


def _task(name: str, data_dir: Path | None) -> QuestionRows:
    task = load_task(name)
    rows = [QuestionRow(f"{name}: {item.id}", native_row(item)) for item in load_split(task, "train", data_dir)]
    licence = task.licence or "as its task card says"
    about = f"Train items of {name}. {task.about}".strip()
    return QuestionRows(DEFAULT_NAME, licence, task.language, rows, about, train_of=task.name)
