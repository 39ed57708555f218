"""Find a task's files, read them as its card says, and refuse items that are not the locked ones."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Literal

from evalsuite.data import canonical, lock
from evalsuite.data.error_location import damaged_item
from evalsuite.data.locate import LocatedFile, _absent, data_folder, find, locate, sources
from evalsuite.data.read import content, document
from evalsuite.data.rows import NATIVE, ConvertedRows, convert, grouped, order
from evalsuite.errors import DataError
from evalsuite.tasks.item import Dataset, Item
from evalsuite.tasks.schema import DataFile, RowLayout, Task


def load(task: Task, data_dir: Path | None = None, check: bool = True) -> Dataset:
    """Load a task's items from the first of its known files that is there.

    `data_dir` falls back to `EVALSUITE_DATA`, then to the folder that `pull` fills; items bundled beside the card are
    found last. With `check`, items that differ from the lock are a `DataError` that names the file and the items.
    """
    root = data_folder(data_dir)
    if data_dir is not None and not root.is_dir():
        raise DataError(f"{root}: no such data folder")
    found = locate(task, root)
    if found is None:
        raise DataError(_absent(task, root))
    if found.source.refuse:
        raise DataError(f"{task.name}: {found.paths[0]}: {found.source.refuse}")
    reading = read(task, found)
    return _dataset(task, found, reading, check)


def load_train(dataset: Dataset) -> tuple[Item, ...]:
    """Load the train items that lie in the folder the data set came from; a `DataError` where there are none."""
    return _load_beside(dataset.task, "train", dataset.root)


def load_split(task: Task, split: Literal["train", "dev"], data_dir: Path | None = None) -> tuple[Item, ...]:
    """Load the train or dev items that a task's card knows, wherever its test items are; no items are a `DataError`.

    `data_dir` falls back as it does for `load`. Every id begins with its file's name: rows of two files may share one.
    """
    root = data_folder(data_dir)
    if data_dir is not None and not root.is_dir():
        raise DataError(f"{root}: no such data folder")
    return _load_beside(task, split, root)


def _load_beside(task: Task, split: Literal["train", "dev"], root: Path) -> tuple[Item, ...]:
    items: dict[str, Item] = {}
    sources = task.train if split == "train" else task.dev
    for source in sources:
        found = find(source, root)
        if found is not None:
            reading = read(task, found)
            checked(task, found, reading)
            prefix = f"{Path(source.path).name}:"
            items.update({prefix + item.id: replace(item, id=prefix + item.id) for item in reading.items})
    if not items:
        known = ", ".join(source.path for source in sources)
        where = f"none of its files is in {root}: {known}" if known else "its card names none"
        raise DataError(f"{task.name}: no {split} items: {where}")
    return tuple(items.values())


def read(task: Task, found: LocatedFile) -> ConvertedRows:
    """Read one source, unchecked."""
    layout = NATIVE if found.source.layout == "native" else task.layouts[found.source.layout]
    where = f"{task.name}: {found.paths[0]}"
    try:
        raw = [content(path) for path in found.paths]
        documents = [document(path, part) for path, part in zip(found.paths, raw, strict=True)]
    except DataError as error:
        place = damaged_item(found.paths[0], layout.id, _locked(task, found.source))
        raise DataError(f"{task.name}: {error}" + (f"; damaged at {place}" if place else "")) from None
    whole = documents[0] if len(documents) == 1 else [row for part in documents for row in part]
    reading = _reading(task, found, layout, whole, where)
    reading = replace(reading, sha256=hashlib.sha256(raw[0]).hexdigest())
    return replace(reading, notes=_notes(task, found, reading))


def _reading(task: Task, found: LocatedFile, layout: RowLayout, whole: object, where: str) -> ConvertedRows:
    if layout.ids_from:
        return _by_ids(whole, layout, found, where)
    if layout.id == "$lock":
        reading = convert(whole, layout.model_copy(update={"id": "$row"}), where)
        items = lock.identified(reading.items, _locked(task, found.source), where)
        return replace(reading, items=tuple(grouped(items, layout.group)))
    return convert(whole, layout, where, _locked(task, found.source) if found.source.keep == "lock" else None)


def _notes(task: Task, found: LocatedFile, reading: ConvertedRows) -> tuple[str, ...]:
    notes, name = [], found.paths[0].name
    if found.source.note:
        notes.append(found.source.note)
    if reading.empty:
        rows = ", ".join(reading.empty[:5]) + (", ..." if len(reading.empty) > 5 else "")
        notes.append(f"{len(reading.empty)} empty rows of {name} left out ({rows})")
    return tuple(f"{task.name}: {note}" for note in notes)


def checked(task: Task, found: LocatedFile, reading: ConvertedRows) -> tuple[str, str, tuple[str, ...]]:
    """Return (digest, variant, notes) of what was read; a `DataError` names the items that the lock knows otherwise."""
    own = found.source in sources(task)
    expected = found.source.digest or (task.digest if own else "")
    digest = canonical.digest(reading.items)
    variant = found.source.variant or task.variant
    if digest == expected:
        return digest, variant, ()
    if not reading.items or (not expected and len(reading.items) != found.source.items):
        count = f"{len(reading.items)} items where the card says {found.source.items}"
        raise DataError(f"{task.name}: {found.paths[0]}: {count}; correct one of them")
    if not expected:
        return digest, variant, (f"{task.name}: {found.paths[0].name} is not locked: its digest is {digest}",)
    other = next((s for s in task.sources if own and digest in (s.digest, "" if s.digest else task.digest)), None)
    if other is not None:
        variant = other.variant or task.variant
        return digest, variant, (f"{task.name}: {found.paths[0].name} holds the items of variant {variant!r}",)
    raise DataError(_changed(task, found, reading, digest, expected))


def _dataset(task: Task, found: LocatedFile, reading: ConvertedRows, check: bool) -> Dataset:
    if check:
        digest, variant, notes = checked(task, found, reading)
    else:
        digest, variant, notes = canonical.digest(reading.items), found.source.variant or task.variant, ()
    if found.source.sha256 not in ("", reading.sha256):
        notes += (f"{task.name}: the bytes of {found.paths[0].name} are not those of the known copy",)
    items = sorted(reading.items, key=lambda item: order(item.id))  # so that a part of them is the same from any copy
    return Dataset(task, tuple(items), digest, variant, found.root, reading.notes + notes)


def _changed(task: Task, found: LocatedFile, reading: ConvertedRows, digest: str, expected: str) -> str:
    path = found.paths[0]
    locked = _locked(task, found.source)
    if not locked:
        return f"{task.name}: {path}: items have digest {digest[:12]}, the card says {expected[:12]}"
    parts = []
    for what, ids in zip(("changed", "missing", "extra"), lock.differences(reading.items, locked), strict=True):
        if ids:
            parts.append(f"{what} {len(ids)} ({', '.join(ids[:3])}{', ...' if len(ids) > 3 else ''})")
    return f"{task.name}: {path}: not the locked items: {'; '.join(parts) or 'digest differs'}; fetch the file again"


def _locked(task: Task, source: DataFile) -> dict[str, str]:
    """The locked items of a source; for one without a section of its own, those of the task's first."""
    locks = lock.read_lock(task.folder)
    return locks.get(lock.section(source)) or locks.get(lock.section(task.sources[0]), {})


def _by_ids(whole: object, layout: RowLayout, found: LocatedFile, where: str) -> ConvertedRows:
    """Keep the ids of another file (or all others); its labels must be the items' own."""
    path = next((p for p in (found.root / layout.ids_from, found.root / f"{layout.ids_from}.gz") if p.is_file()), None)
    if path is None:
        raise DataError(f"{where}: needs {found.root / layout.ids_from} beside it")
    keys = document(path)
    if not isinstance(keys, dict):
        raise DataError(f"{path}: expected one JSON object {{id: label}}")
    reading = convert(whole, layout, where)
    items = tuple(item for item in reading.items if (item.id in keys) == (layout.ids == "in"))
    if layout.ids == "in":
        for item in items:
            if keys[item.id] != item.gold:
                raise DataError(f"{path}: item {item.id} is {keys[item.id]!r}, but {item.gold!r} in {found.paths[0]}")
        if len(items) != len(keys):
            raise DataError(f"{path}: {len(keys) - len(items)} ids are not in {found.paths[0]}")
    return replace(reading, items=items)
