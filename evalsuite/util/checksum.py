"""Checksums inside JSON files and JSON lines, by which damage is found and named however small it is.

    a file   {..., "checksum": "<SHA-256 of the other keys as canonical JSON>"}
    a line   {..., "crc32":"<CRC-32 of the bytes before this key, in 8 hexadecimal digits>"}

A line's CRC starts from a key, such as the id of a run, so that a line of another file doesn't pass for one of this
file. They protect against accidents and mix-ups and are no signature: whoever edits a file can compute them again.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final
from zlib import crc32

import orjson

from evalsuite.util.jsonl import JsonLine, JsonLineError, Readable, read_jsonl

CHECKSUM: Final = "checksum"
"""Key of a file's checksum."""
LINE_CHECKSUM: Final = "crc32"
"""Key of a line's checksum, always the last one."""
_SUFFIX: Final = re.compile(rb',"crc32":"([0-9a-f]{8})"\}\n\Z')
_SUFFIX_LENGTH: Final = len(b',"crc32":"00000000"}\n')


def with_checksum(content: Mapping[str, Any]) -> dict[str, Any]:
    """Return the content of a JSON file with its checksum as the last key."""
    bare = {key: value for key, value in content.items() if key != CHECKSUM}
    return {**bare, CHECKSUM: _digest(bare)}


def checksum_error(content: Mapping[str, Any], *, required: bool) -> str | None:
    """Return what is wrong with the checksum of a JSON file's content; None if nothing is.

    A file without one is wrong where it is `required`.
    """
    if CHECKSUM not in content:
        return "it has no checksum" if required else None
    bare = {key: value for key, value in content.items() if key != CHECKSUM}
    return None if content[CHECKSUM] == _digest(bare) else "its checksum doesn't match: it is damaged or was edited"


def line_key(*parts: str) -> int:
    """Return the number from which the checksums of a file's lines start."""
    return crc32("\0".join(parts).encode("utf-8", "surrogatepass"))


def with_line_checksum(line: bytes, key: int) -> bytes:
    """Return a line, a JSON object that isn't empty with its line feed, with its checksum as the last key."""
    content = line[:-2]  # without the closing brace and the line feed
    return b'%b,"crc32":"%08x"}\n' % (content, crc32(content, key))


def read_checked_jsonl(stream: Readable, key: int, *, required: bool) -> Iterator[JsonLine]:
    """Yield the lines of a stream as `read_jsonl` does, each a JSON object whose checksum holds, without it.

    A line that was changed or belongs to another file is a `JsonLineError`, and so is one without a checksum where it
    is `required` or where an earlier line has one. A last line without a line feed is skipped.
    """
    for line in read_jsonl(stream, skip_incomplete=True):
        if not isinstance(line.value, dict):
            raise JsonLineError(line.number, "is not a JSON object")
        found = _SUFFIX.search(line.raw, len(line.raw) - _SUFFIX_LENGTH)
        if found is None and (required or LINE_CHECKSUM in line.value):
            raise JsonLineError(line.number, "is damaged: it doesn't end in a checksum")
        if found is not None:
            if int(found[1], 16) != crc32(memoryview(line.raw)[: found.start()], key):
                raise JsonLineError(line.number, "is damaged or of another run: its checksum doesn't match")
            del line.value[LINE_CHECKSUM]
            required = True
        yield line


def _digest(content: Mapping[str, Any]) -> str:
    return hashlib.sha256(orjson.dumps(content, option=orjson.OPT_SORT_KEYS)).hexdigest()
