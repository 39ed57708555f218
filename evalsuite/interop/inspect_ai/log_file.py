"""Files of inspect-ai's logs, checked before its reader, which has no limits, unpacks them: they are untrusted."""

from __future__ import annotations

import re
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, Final

from evalsuite.errors import ErrorCode, RunError
from evalsuite.models.optional_packages import import_optional

LARGEST: Final = 2 << 30
LARGEST_MEMBER: Final = 256 << 20
"""Bytes of all members of a log together, and of one, when unpacked."""
LARGEST_RATIO: Final = 100
"""Unpacked bytes per stored byte; real logs have 5 to 30."""
_ALWAYS_ALLOWED: Final = 64 << 20
"""Bytes that may have any ratio."""
_MOST_MEMBERS: Final = 1_000_000
_BLOCK: Final = 1 << 16
_LOCAL_HEADER: Final = 30
"""Bytes of a member's own header in front of its name."""
_ZSTD: Final = 93
_JSON_HEAD: Final = re.compile(rb'\s*\{\s*"version"\s*:\s*\d+\s*,\s*"status"\s*:\s*"')


def is_json_log(path: Path) -> bool:
    """Whether a file is a log of inspect-ai in its JSON format, by its beginning."""
    if path.suffix != ".json":
        return False
    try:
        with path.open("rb") as file:
            return _JSON_HEAD.match(file.read(_BLOCK)) is not None
    except OSError:
        return False


def check_size(path: Path) -> None:
    """Raise a `RunError` if a log is larger than a log may be, whatever its table of contents says."""
    try:
        if path.suffix == ".json":
            _check(path, path.stat().st_size, LARGEST_MEMBER)
            return
        with path.open("rb") as file, zipfile.ZipFile(file) as archive:
            _check_members(path, file, archive.infolist())
    except (OSError, zipfile.BadZipFile, zlib.error, NotImplementedError, ValueError) as error:
        raise RunError(ErrorCode.LOG_UNREADABLE, f"{path}: not an .eval log of inspect-ai: {error}") from None


def _check(path: Path, size: int, limit: int) -> None:
    if size > limit:
        raise RunError(
            ErrorCode.LOG_MALFORMED, f"{path}: unpacks to {size:,} bytes or more, which is more than a log may have"
        )


def _check_members(path: Path, file: BinaryIO, members: list[zipfile.ZipInfo]) -> None:
    if len(members) > _MOST_MEMBERS:
        raise RunError(ErrorCode.LOG_MALFORMED, f"{path}: has {len(members):,} members, which is more than a log has")
    stored = file.seek(0, 2)
    limit = min(LARGEST, max(_ALWAYS_ALLOWED, LARGEST_RATIO * stored))
    for member in members:
        _check(path, member.file_size, min(limit, LARGEST_MEMBER))
    _check(path, sum(member.file_size for member in members), limit)
    # The sizes in the table of contents may be wrong: what each member really unpacks to is counted, in blocks.
    total = 0
    for member in members:
        unpacked = 0
        for block in _unpacked(file, member):
            unpacked += block
            _check(path, unpacked, min(limit, LARGEST_MEMBER))
        total += unpacked
        _check(path, total, limit)


def _unpacked(file: BinaryIO, member: zipfile.ZipInfo) -> Iterator[int]:
    """Yield the sizes of the blocks that a member unpacks to."""
    file.seek(member.header_offset)
    header = file.read(_LOCAL_HEADER)
    file.seek(int.from_bytes(header[26:28], "little") + int.from_bytes(header[28:30], "little"), 1)
    part = _Part(file, member.compress_size)
    if member.compress_type == zipfile.ZIP_STORED:
        yield member.compress_size
    elif member.compress_type == zipfile.ZIP_DEFLATED:
        yield from _inflated(part)
    elif member.compress_type == _ZSTD:
        yield from _zstd_decompressed(part)
    else:
        raise ValueError(f"compression method {member.compress_type} of {member.filename} can't be read")


class _Part:
    """The next `size` bytes of an open file, as a stream."""

    def __init__(self, file: BinaryIO, size: int) -> None:
        self._file, self._left = file, size

    def read(self, size: int) -> bytes:
        block = self._file.read(min(size, self._left))
        self._left -= len(block)
        return block


def _inflated(part: _Part) -> Iterator[int]:
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    while block := part.read(_BLOCK):
        while block:
            yield len(inflater.decompress(block, _BLOCK))
            block = inflater.unconsumed_tail


def _zstd_decompressed(part: _Part) -> Iterator[int]:
    library: Any = import_optional("zstandard", "inspect")
    reader = library.ZstdDecompressor(max_window_size=LARGEST_MEMBER).stream_reader(part, read_across_frames=True)
    try:
        while block := reader.read(_BLOCK):
            yield len(block)
    except library.ZstdError as error:
        raise ValueError(str(error)) from None
