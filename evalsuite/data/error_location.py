"""Name the item that a broken file is broken at: for error messages, never for grading."""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path

from evalsuite.data.read import is_lines
from evalsuite.data.rows import pick, text

_KEY = re.compile(r'"((?:[^"\\]|\\.){1,200})"\s*:')
_CHUNK = 1 << 12


def damaged_item(path: Path, layout_id: str, locked: Collection[str]) -> str:
    """Return a few words that place the damage, `item X` where it can be told; empty where nothing can."""
    try:
        raw = path.read_bytes()
    except OSError:
        return ""
    if path.suffix == ".gz":
        raw = _unpacked(raw)
    name = path.name.removesuffix(".gz")
    if not name.endswith((".json", ".jsonl")):
        return ""
    place = _first_fault(raw, lines=name.endswith(".jsonl") or is_lines(raw))
    if place is None:
        return ""
    number, before, line = place
    row_id = str(number) if layout_id == "$row" else _nearest(before if number < 0 else line, layout_id, locked)
    if row_id not in locked and number >= 0:
        row_id = _only_absent(raw, layout_id, locked)
    if row_id in locked:
        return f"item {row_id}"
    return f"line {number + 1}" if number >= 0 else ""


def _unpacked(raw: bytes) -> bytes:
    """As much of a gzip stream as can be unpacked, its checksum not minded."""
    stream, parts = zlib.decompressobj(wbits=31), []
    for start in range(0, len(raw), _CHUNK):
        try:
            parts.append(stream.decompress(raw[start : start + _CHUNK]))
        except zlib.error:
            break
    return b"".join(parts)


def _first_fault(raw: bytes, lines: bool) -> tuple[int, str, str] | None:
    """(row number or -1, text before the fault, the broken line) of the first place that isn't JSON."""
    if not lines:
        position = _fault(raw)
        return None if position is None else (-1, raw[:position].decode("utf-8", "replace"), "")
    for number, line in enumerate(line for line in raw.split(b"\n") if line.strip()):
        if _fault(line) is not None:
            return number, "", line.decode("utf-8", "replace")
    return None


def _fault(raw: bytes) -> int | None:
    try:
        json.loads(raw.decode("utf-8"))
    except UnicodeDecodeError as error:
        return error.start
    except json.JSONDecodeError as error:
        return len(raw.decode("utf-8")[: error.pos].encode("utf-8"))
    except (ValueError, RecursionError):
        return 0
    return None


def _nearest(source: str, layout_id: str, locked: Collection[str]) -> str:
    """The locked id that a broken line carries in its id field, or the last one that is a key before the fault."""
    field = re.search(rf'"{re.escape(layout_id)}"\s*:\s*"?([^",}}]+)', source)
    if field:
        return field[1].strip()
    return next((key for key in reversed(_KEY.findall(source)) if key in locked), "")


def _only_absent(raw: bytes, layout_id: str, locked: Collection[str]) -> str:
    """The one locked id that no readable line carries; empty where it isn't one."""
    seen = set()
    for line in raw.split(b"\n"):
        with suppress(ValueError, RecursionError):
            seen.add(text(pick(json.loads(line), layout_id)))
    absent = [name for name in locked if name not in seen]
    return absent[0] if len(absent) == 1 else ""
