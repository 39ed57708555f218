"""Name the item at which a file is damaged: for error messages, never for grading."""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path

from evalsuite.data.file_formats import is_json_lines
from evalsuite.data.row_fields import lookup, text
from evalsuite.util.gzip_file import MAX_BYTES, MAX_RATIO

_KEY = re.compile(r'"((?:[^"\\]|\\.){1,200})"\s*:')
_CHUNK = 1 << 12
"""Bytes that are unpacked at a time: what precedes the damage in the same chunk is lost."""


def damaged_item(path: Path, layout_id: str, locked: Collection[str]) -> str:
    """Return the place of the damage in a few words, `item X` if it can be named; empty if it can't be located."""
    try:
        raw = path.read_bytes() if path.is_file() and path.stat().st_size <= MAX_BYTES else b""
    except OSError:
        return ""
    if path.suffix == ".gz":
        raw = _unpack_partly(raw)
    name = path.name.removesuffix(".gz")
    if not name.endswith((".json", ".jsonl")):
        return ""
    fault = _first_fault(raw, lines=name.endswith(".jsonl") or is_json_lines(raw))
    if fault is None:
        return ""
    number, before, line = fault
    row_id = str(number) if layout_id == "$row" else _nearest_id(before if number < 0 else line, layout_id, locked)
    if row_id not in locked and number >= 0:
        row_id = _only_absent_id(raw, layout_id, locked)
    if row_id in locked:
        return f"item {row_id}"
    return f"line {number + 1}" if number >= 0 else ""


def _unpack_partly(raw: bytes) -> bytes:
    """Return as much of a gzip stream as can be unpacked; its checksum is ignored."""
    stream, parts, left = zlib.decompressobj(wbits=31), [], MAX_RATIO * len(raw)
    for start in range(0, len(raw), _CHUNK):
        try:
            parts.append(stream.decompress(raw[start : start + _CHUNK], left))
        except zlib.error:
            break
        left -= len(parts[-1])
        if left <= 0:
            break
    return b"".join(parts)


def _first_fault(raw: bytes, lines: bool) -> tuple[int, str, str] | None:
    """Return (row number or -1, text before the fault, the broken line) of the first place that isn't JSON."""
    if not lines:
        position = _fault_position(raw)
        return None if position is None else (-1, raw[:position].decode("utf-8", "replace"), "")
    for number, line in enumerate(line for line in raw.split(b"\n") if line.strip()):
        if _fault_position(line) is not None:
            return number, "", line.decode("utf-8", "replace")
    return None


def _fault_position(raw: bytes) -> int | None:
    """Return the byte at which content stops being JSON; None if it is JSON."""
    try:
        json.loads(raw.decode("utf-8"))
    except UnicodeDecodeError as error:
        return error.start
    except json.JSONDecodeError as error:
        return len(raw.decode("utf-8")[: error.pos].encode("utf-8"))
    except (ValueError, RecursionError):
        return 0
    return None


def _nearest_id(source: str, layout_id: str, locked: Collection[str]) -> str:
    """Return the id in the id field of a broken line, or the last locked id that is a key before the fault."""
    field = re.search(rf'"{re.escape(layout_id)}"\s*:\s*"?([^",}}]+)', source)
    if field:
        return field[1].strip()
    return next((key for key in reversed(_KEY.findall(source)) if key in locked), "")


def _only_absent_id(raw: bytes, layout_id: str, locked: Collection[str]) -> str:
    """Return the locked id that no readable line has; empty unless it is exactly one."""
    present = set()
    for line in raw.split(b"\n"):
        with suppress(ValueError, RecursionError):
            present.add(text(lookup(json.loads(line), layout_id)))
    absent = [name for name in locked if name not in present]
    return absent[0] if len(absent) == 1 else ""
