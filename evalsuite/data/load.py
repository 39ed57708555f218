"""Load a task's items: find its files, read them as its card says, and refuse items that are not the locked ones."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal, NamedTuple

from evalsuite.data import canonical, item_lock
from evalsuite.data.drawn_items import drawing_of, load_drawn
from evalsuite.data.duplicates import question_key
from evalsuite.data.error_location import damaged_item
from evalsuite.data.file_formats import parse, read_bytes
from evalsuite.data.item_conversion import NATIVE, ConvertedRows, assign_groups, convert, id_order
from evalsuite.data.locate import (
    LocatedFile,
    absence_message,
    data_folder,
    find,
    locate,
    sources,
    train_sources,
)
from evalsuite.errors import DataError, ErrorCode
from evalsuite.tasks.item import Dataset, Item
from evalsuite.tasks.schema import UNVERIFIED, DataFile, RowLayout, Task


class CheckedItems(NamedTuple):
    """What a comparison with the lock gave: the items' digest, their variant, and notes for readers."""

    digest: str
    variant: str
    notes: tuple[str, ...] = ()


def load(task: Task, data_dir: Path | None = None, check: bool = True) -> Dataset:
    """Load a task's items from the first of its known files that exists, or draw them as its card says.

    `data_dir` falls back to `EVALSUITE_DATA`, then to the folder that `pull` writes to; items bundled beside the card
    are tried last. With `check`, items that differ from the lock are a `DataError` that names the file and the items.
    """
    if drawing := drawing_of(task):
        return load_drawn(drawing, check)
    root = existing_folder(data_dir)
    located = locate(task, root)
    if located is None:
        raise DataError(ErrorCode.DATA_NOT_FOUND, absence_message(task, root))
    if located.source.refuse:
        message = f"{task.name}: {located.paths[0]}: {located.source.refuse}"
        raise DataError(ErrorCode.DATA_REFUSED, message)
    return _dataset(task, located, read_items(task, located), check)


def existing_folder(data_dir: Path | None) -> Path:
    """Return the data folder; one that the caller named must exist, or it is a `DataError`."""
    root = data_folder(data_dir)
    if data_dir is not None and not root.is_dir():
        raise DataError(ErrorCode.DATA_NOT_FOUND, f"{root}: no such data folder")
    return root


def load_train(dataset: Dataset) -> tuple[Item, ...]:
    """Load the train items from the folder that the data set came from; a `DataError` if there are none."""
    return _load_split(dataset.task, "train", dataset.root)


def load_split(task: Task, split: Literal["train", "dev"], data_dir: Path | None = None) -> tuple[Item, ...]:
    """Load the train or dev items of a task's card, wherever its test items are; a `DataError` if there are none.

    `data_dir` falls back as it does for `load`. Every id starts with its file's name: rows of two files may share one.
    An item that several files hold, or one file several times, is given once.
    """
    return _load_split(task, split, existing_folder(data_dir))


def _load_split(task: Task, split: Literal["train", "dev"], root: Path) -> tuple[Item, ...]:
    items: dict[object, Item] = {}
    files = train_sources(task) if split == "train" else task.dev
    for source in files:
        located = find(source, root)
        if located is not None:
            rows = read_items(task, located)
            check_items(task, located, rows)
            prefix = f"{located.paths[0].name.removesuffix('.gz')}:"
            for item in rows.items:
                items.setdefault(_content_key(item), replace(item, id=prefix + item.id))
    if not items:
        known = ", ".join(source.path for source in files)
        where = f"none of its files is in {root}: {known}" if known else "its card names none"
        pull = f"; fetch them: evalsuite data pull --split train --tasks {task.name}" if _train_on_hub(task) else ""
        raise DataError(ErrorCode.DATA_NOT_FOUND, f"{task.name}: no {split} items: {where}{pull * (split == 'train')}")
    return tuple(items.values())


def _content_key(item: Item) -> object:
    """Return what two items have in common if they are the same question with the same answer."""
    return question_key(item, options_too=True), item.options[item.labels.index(item.gold)]


def _train_on_hub(task: Task) -> bool:
    return task.hub is not None and task.hub.train is not None


def train_total(task: Task) -> int | None:
    """Return how many train items upstream has published for a task, by its card; None if the card doesn't say."""
    return task.hub.train.items if task.hub and task.hub.train else None


def split_present(tasks: Sequence[Task], data_dir: Path | None = None) -> tuple[list[Task], dict[str, str]]:
    """Divide tasks into those whose data is there, and {name: why, and where to get it} of the others.

    Data that is there and damaged counts as there, so that loading it fails; items that can't be drawn are not there.
    """
    root = existing_folder(data_dir)
    present, absent = [], {}
    for task in tasks:
        if task.generated is not None:
            try:
                load(task)
                present.append(task)
            except DataError as error:
                absent[task.name] = str(error)
            continue
        located = locate(task, root)
        if located is None:
            absent[task.name] = absence_message(task, root)
        elif located.source.refuse:
            absent[task.name] = f"{task.name}: {located.paths[0]}: {located.source.refuse}"
        else:
            present.append(task)
    return present, absent


def read_items(task: Task, located: LocatedFile) -> ConvertedRows:
    """Read the items of one source without comparing them with the lock."""
    layout = NATIVE if located.source.layout == "native" else task.layouts[located.source.layout]
    where = f"{task.name}: {located.paths[0]}"
    try:
        raw = [read_bytes(path) for path in located.paths]
        documents = [parse(path, part) for path, part in zip(located.paths, raw, strict=True)]
    except DataError as error:
        place = damaged_item(located.paths[0], layout.id, _locked(task, located.source))
        message = f"{task.name}: {error}" + (f"; damaged at {place}" if place else "")
        raise DataError(error.code, message) from None
    content = documents[0] if len(documents) == 1 else [row for part in documents for row in part]
    rows = _convert(task, located, layout, content, where)
    rows = replace(rows, sha256=hashlib.sha256(raw[0]).hexdigest())
    return replace(rows, notes=_notes(task, located, rows))


def _convert(task: Task, located: LocatedFile, layout: RowLayout, content: object, where: str) -> ConvertedRows:
    if layout.ids_from:
        return _select_ids(content, layout, located, where)
    if layout.id == "$lock":
        rows = convert(content, layout.model_copy(update={"id": "$row"}), where)
        items = item_lock.identify(rows.items, _locked(task, located.source), where)
        return replace(rows, items=tuple(assign_groups(items, layout.group)))
    locked = _locked(task, located.source) if located.source.keep != "all" else {}
    if located.source.keep == "lock":
        return convert(content, layout, where, locked)
    rows = convert(content, layout, where, skip_malformed=_may_skip(task, located.source))
    return replace(rows, items=tuple(item for item in rows.items if item.id not in locked))


def _may_skip(task: Task, source: DataFile) -> bool:
    """Return whether rows that can't become items are left out: in train files that nobody has seen."""
    return source.digest == UNVERIFIED and source not in sources(task)


def _notes(task: Task, located: LocatedFile, rows: ConvertedRows) -> tuple[str, ...]:
    notes, name = [], located.paths[0].name
    if located.source.note:
        notes.append(located.source.note)
    if rows.empty:
        places = ", ".join(rows.empty[:5]) + (", ..." if len(rows.empty) > 5 else "")
        notes.append(f"{len(rows.empty)} empty rows of {name} left out ({places})")
    if rows.malformed:
        first = rows.malformed[0].rpartition(": item ")[2]
        notes.append(f"{len(rows.malformed):,} rows of {name} left out that can't become items (the first: {first})")
    return tuple(f"{task.name}: {note}" for note in notes)


def check_items(task: Task, located: LocatedFile, rows: ConvertedRows) -> CheckedItems:
    """Compare items with the lock; a `DataError` names the items that differ from it."""
    is_test = located.source in sources(task)
    expected = located.source.digest or (task.digest if is_test else "")
    verified = expected != UNVERIFIED
    digest = canonical.digest(rows.items)
    variant = located.source.variant or task.variant
    path = located.paths[0]
    if digest == expected:
        return CheckedItems(digest, variant)
    if not verified and rows.items:
        return CheckedItems(digest, variant, tuple(_unverified_notes(task, located, len(rows.items), digest)))
    if not rows.items or (not expected and len(rows.items) != located.source.items):
        count = f"{len(rows.items)} items where the card says {located.source.items}"
        raise DataError(ErrorCode.DATA_CHANGED, f"{task.name}: {path}: {count}; correct one of them")
    if not expected:
        return CheckedItems(digest, variant, (f"{task.name}: {path.name} is not locked: its digest is {digest}",))
    # Upstream has published several forms under one file name: one of the other known forms is no damage.
    other = next((s for s in task.sources if is_test and digest in (s.digest, "" if s.digest else task.digest)), None)
    if other is not None:
        variant = other.variant or task.variant
        return CheckedItems(digest, variant, (f"{task.name}: {path.name} holds the items of variant {variant!r}",))
    raise DataError(ErrorCode.DATA_CHANGED, _describe_change(task, located, rows, digest, expected))


def _unverified_notes(task: Task, located: LocatedFile, count: int, digest: str) -> Iterator[str]:
    name, expected = located.paths[0].name, located.source.items
    yield f"{task.name}: {name} could not be seen when the card was written, so no lock pins it: its digest is {digest}"
    if expected and count != expected:
        yield f"{task.name}: {name} has {count:,} items, upstream's description says {expected:,}"


def _dataset(task: Task, located: LocatedFile, rows: ConvertedRows, check: bool) -> Dataset:
    if check:
        checked = check_items(task, located, rows)
    else:
        checked = CheckedItems(canonical.digest(rows.items), located.source.variant or task.variant)
    notes = checked.notes
    if located.source.sha256 not in ("", rows.sha256):
        notes += (f"{task.name}: the bytes of {located.paths[0].name} are not those of the known copy",)
    items = sorted(rows.items, key=lambda item: id_order(item.id))  # the first n of them are the same from any copy
    return Dataset(task, tuple(items), checked.digest, checked.variant, located.root, rows.notes + notes)


def _describe_change(task: Task, located: LocatedFile, rows: ConvertedRows, digest: str, expected: str) -> str:
    path = located.paths[0]
    locked = _locked(task, located.source)
    if not locked:
        return f"{task.name}: {path}: items have digest {digest[:12]}, the card says {expected[:12]}"
    changed = item_lock.describe_differences(rows.items, locked) or "digest differs"
    return f"{task.name}: {path}: not the locked items: {changed}; fetch the file again"


def _locked(task: Task, source: DataFile) -> dict[str, str]:
    """Return the locked items of a source; for one without a section, those of the task's first source."""
    locks = item_lock.read_lock(task.folder)
    return locks.get(item_lock.section_name(source)) or locks.get(item_lock.section_name(task.sources[0]), {})


def _select_ids(content: object, layout: RowLayout, located: LocatedFile, where: str) -> ConvertedRows:
    """Take the items whose ids another file lists (or all others); its labels must be the items' gold labels."""
    candidates = (located.root / layout.ids_from, located.root / f"{layout.ids_from}.gz")
    path = next((candidate for candidate in candidates if candidate.is_file()), None)
    if path is None:
        raise DataError(ErrorCode.DATA_NOT_FOUND, f"{where}: needs {candidates[0]} beside it")
    labels = parse(path)
    if not isinstance(labels, dict):
        raise DataError(ErrorCode.DATA_MALFORMED, f"{path}: expected one JSON object {{id: label}}")
    rows = convert(content, layout, where)
    items = tuple(item for item in rows.items if (item.id in labels) == (layout.ids == "in"))
    if layout.ids == "in":
        for item in items:
            if labels[item.id] != item.gold:
                message = f"{path}: item {item.id} is {labels[item.id]!r}, but {item.gold!r} in {located.paths[0]}"
                raise DataError(ErrorCode.DATA_CHANGED, message)
        if len(items) != len(labels):
            message = f"{path}: {len(labels) - len(items)} ids are not in {located.paths[0]}"
            raise DataError(ErrorCode.DATA_CHANGED, message)
    return replace(rows, items=items)
