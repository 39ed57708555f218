"""The lock file that pins a task's items: a short digest an item, by file."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from evalsuite.data.canonical import SHORT, digest, line, short
from evalsuite.errors import DataError
from evalsuite.tasks.item import Item
from evalsuite.tasks.schema import DataFile

LOCK = "items.lock"


def section(source: DataFile) -> str:
    """Return the name of a source's section in the lock file."""
    return f"{source.path}:{source.layout}"


def write_lock(folder: Path, sections: Mapping[str, Iterable[Item]]) -> None:
    """Write `items.lock` with a section for each file."""
    parts = []
    for path, items in sections.items():
        items = sorted(items, key=lambda item: item.id)
        parts.append(f"[{path}] {digest(items)}\n" + "".join(f"{short(item)} {item.id}\n" for item in items))
    (folder / LOCK).write_text("\n".join(parts), "utf-8", newline="\n")


def read_lock(folder: Path) -> dict[str, dict[str, str]]:
    """Return {path: {item id: short digest}}; empty where a task has no lock yet."""
    path = folder / LOCK
    if not path.is_file():
        return {}
    sections: dict[str, dict[str, str]] = {}
    current: dict[str, str] = {}
    for number, text in enumerate(path.read_text("utf-8").splitlines(), 1):
        if text.startswith("["):
            current = sections.setdefault(text[1 : text.rindex("]")], {})
        elif text:
            mark, _, item = text.partition(" ")
            if len(mark) != SHORT or not item:
                raise DataError(f"{path}:{number}: not a line of a lock file")
            current[item] = mark
    return sections


def differences(items: Iterable[Item], locked: Mapping[str, str]) -> tuple[list[str], list[str], list[str]]:
    """Return the ids that (changed, are missing, are extra) against a section of a lock file."""
    found = {item.id: short(item) for item in items}
    changed = [i for i, mark in found.items() if locked.get(i, mark) != mark]
    return changed, [i for i in locked if i not in found], [i for i in found if i not in locked]


def identified(items: Sequence[Item], locked: Mapping[str, str], where: str) -> list[Item]:
    """Give items without ids of their own the locked ids under which they have the locked digests, in the lock's order.

    A copy that reorders rows and drops their keys is so joined by content, and checked by it; an item that is not among
    the locked ones is a `DataError`. The time grows with the square of the number of items: for small sets.
    """
    left, found = dict(locked), {}
    for item in items:
        before, after = line(replace(item, id="\0")).split(b'"id":"\\u0000"')
        for name, mark in left.items():
            whole = before + b'"id":' + json.dumps(name).encode("ascii") + after
            if hashlib.sha256(whole).hexdigest()[:SHORT] == mark:
                found[name] = replace(item, id=name)
                del left[name]
                break
        else:
            raise DataError(f"{where}: row {item.id} is none of the locked items: {item.question[:60]!r}")
    return [found[name] for name in locked if name in found]
