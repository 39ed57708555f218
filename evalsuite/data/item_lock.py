"""The item lock, which pins a task's items: one short digest per item, in one section per file.

`items.lock`, beside a task card, has a section for each known file: a line `[path:layout] digest`, then one line per
item with the first ten hexadecimal digits of its digest, a space, and its id. So a changed byte can be named by item.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from evalsuite.data.canonical import SHORT, digest, line, short
from evalsuite.errors import DataError, ErrorCode
from evalsuite.tasks.item import Item
from evalsuite.tasks.schema import DataFile

LOCK = "items.lock"
_MAX_BYTES = 64 << 20
_NAMED = 3
"""Ids that a message lists before it ends in an ellipsis."""
_SECTION = re.compile(r"\[(.+)\] ?([0-9a-f]*)\r?")
_ENTRY = re.compile(rf"([0-9a-f]{{{SHORT}}}) (.+?)\r?")


def section_name(source: DataFile) -> str:
    """Return the name of a source's section in the lock file."""
    return f"{source.path}:{source.layout}"


def write_lock(folder: Path, sections: Mapping[str, Iterable[Item]]) -> None:
    """Write `items.lock` with one section per file."""
    parts = []
    for path, items in sections.items():
        items = sorted(items, key=lambda item: item.id)
        parts.append(f"[{path}] {digest(items)}\n" + "".join(f"{short(item)} {item.id}\n" for item in items))
    (folder / LOCK).write_text("\n".join(parts), "utf-8", newline="\n")


def read_lock(folder: Path) -> dict[str, dict[str, str]]:
    """Return {section: {item id: short digest}}; empty if a task has no lock yet."""
    return {section: short_digests for section, (_, short_digests) in _read(folder).items()}


def read_digests(folder: Path) -> dict[str, str]:
    """Return {section: canonical digest of its items}; empty if a task has no lock yet."""
    return {section: digest for section, (digest, _) in _read(folder).items()}


def _read(folder: Path) -> dict[str, tuple[str, dict[str, str]]]:
    path = folder / LOCK
    if not path.is_file():
        return {}
    sections: dict[str, tuple[str, dict[str, str]]] = {}
    current: dict[str, str] | None = None
    for number, text in enumerate(_lines(path), 1):
        section, entry = _SECTION.fullmatch(text), _ENTRY.fullmatch(text)
        if section and section[1] not in sections:
            current = {}
            sections[section[1]] = section[2], current
        elif entry and current is not None and entry[2] not in current:
            current[entry[2]] = entry[1]
        elif text:
            message = f"{path}:{number}: not a line of a lock file; evalsuite data lock writes it again"
            raise DataError(ErrorCode.INVALID_TASK_CARD, message)
    return sections


def _lines(path: Path) -> list[str]:
    try:
        with path.open("rb") as stream:
            content = stream.read(_MAX_BYTES + 1)
        if len(content) > _MAX_BYTES:
            raise DataError(ErrorCode.INVALID_TASK_CARD, f"{path}: larger than {_MAX_BYTES:,} bytes: no lock file")
        return content.decode("utf-8").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        message = f"{path}: can't be read ({error}); evalsuite data lock writes it again"
        raise DataError(ErrorCode.INVALID_TASK_CARD, message) from None


def differences(items: Iterable[Item], locked: Mapping[str, str]) -> tuple[list[str], list[str], list[str]]:
    """Return the ids that are (changed, missing, extra) compared with a section of a lock file."""
    actual = {item.id: short(item) for item in items}
    changed = [name for name, short_digest in actual.items() if locked.get(name, short_digest) != short_digest]
    missing = [name for name in locked if name not in actual]
    return changed, missing, [name for name in actual if name not in locked]


def describe_differences(items: Iterable[Item], locked: Mapping[str, str]) -> str:
    """Return how items differ from a section of a lock file, with the first ids of each kind; empty: they don't."""
    parts = []
    for kind, ids in zip(("changed", "missing", "extra"), differences(items, locked), strict=True):
        if ids:
            parts.append(f"{kind} {len(ids)} ({', '.join(ids[:_NAMED])}{', ...' if len(ids) > _NAMED else ''})")
    return "; ".join(parts)


def identify(items: Sequence[Item], locked: Mapping[str, str], where: str) -> list[Item]:
    """Give items without ids the locked ids under which they have the locked digests, in the order of the lock.

    A copy that reorders rows and drops their keys is thus joined by content, and checked by it; an item that is not one
    of the locked ones is a `DataError`. The time grows with the square of the number of items: for small sets.
    """
    remaining, identified = dict(locked), {}
    for item in items:
        # The id is the only part of the canonical line that is unknown, so the line is put together around each one.
        before, after = line(replace(item, id="\0")).split(b'"id":"\\u0000"')
        for name, short_digest in remaining.items():
            candidate = before + b'"id":' + json.dumps(name).encode("ascii") + after
            if hashlib.sha256(candidate).hexdigest()[:SHORT] == short_digest:
                identified[name] = replace(item, id=name)
                del remaining[name]
                break
        else:
            message = f"{where}: row {item.id} is none of the locked items: {item.question[:60]!r}"
            raise DataError(ErrorCode.DATA_CHANGED, message)
    return [identified[name] for name in locked if name in identified]
