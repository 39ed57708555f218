"""Which files a PubMed folder holds, in which order, and their content as bounded chunks."""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import IO, Final

from evalsuite.errors import DataError, ErrorCode
from evalsuite.util.gzip_file import GzipError, GzipTooLargeError, largest_content

_CHUNK: Final = 1 << 16
_LARGEST_PART: Final = 1 << 20
_GZIP: Final = 16 + zlib.MAX_WBITS
_SUFFIX: Final = re.compile(r"\.xml(\.gz)?\Z")
_NUMBERED: Final = re.compile(r"(?:pubmed|medline)(\d\d)n\d+\.xml", re.IGNORECASE)
_UPDATES: Final = frozenset({"updatefiles", "updates", "update"})


def pubmed_files(path: Path) -> list[Path]:
    """Return a file, or the files of a folder in the order in which they are to be played.

    Files in folders named "updatefiles" come last, others by their names with numbers as numbers, as PubMed numbers its
    updates on from the baseline. Raises `DataError` if there are none, one is there twice, or two years are mixed: a
    new baseline lacks what was deleted before, without saying so.
    """
    if path.is_file():
        return [path]
    if not path.is_dir():
        raise DataError(ErrorCode.DATA_NOT_FOUND, f"{path}: no such file or folder")
    files = [each for each in path.rglob("*") if _SUFFIX.search(each.name) and each.is_file()]
    if not files:
        raise DataError(ErrorCode.DATA_NOT_FOUND, f"{path}: holds no .xml or .xml.gz file")
    files.sort(key=lambda file: _place(file.relative_to(path)))
    years = {found[1] for found in (_NUMBERED.match(file.name) for file in files) if found}
    if len(years) > 1:
        message = f"{path}: files of the years {', '.join(sorted(years))}; a new baseline replaces all older files"
        raise DataError(ErrorCode.DATA_MALFORMED, message)
    for name, same in groupby(sorted(files, key=_bare_name), _bare_name):
        if len(found_twice := list(same)) > 1:
            message = f"{path}: {name} is there {len(found_twice)} times; keep one of {_names(found_twice, path)}"
            raise DataError(ErrorCode.DATA_MALFORMED, message)
    return files


def _bare_name(file: Path) -> str:
    return _SUFFIX.sub("", file.name)


def _names(files: list[Path], folder: Path) -> str:
    return ", ".join(str(file.relative_to(folder)) for file in files[:3])


def _place(file: Path) -> tuple[bool, list[tuple[int, str]], str]:
    is_update = any(part.lower() in _UPDATES for part in file.parts[:-1])
    parts = re.findall(r"\d+|\D+", file.name)
    return is_update, [(int(part), "") if part.isdecimal() else (-1, part) for part in parts], str(file)


def chunks(path: Path) -> Iterator[bytes]:
    """Yield a file's content, unpacked where it is compressed with gzip, whatever its name.

    Raises `DataError` for a file that can't be read or unpacks to too much, and `GzipError` where it is damaged or cut
    off; what stands before has been yielded.
    """
    try:
        with path.open("rb") as stored:
            packed = stored.read(2) == b"\x1f\x8b"
            stored.seek(0)
            yield from _unpacked(stored, path.stat().st_size) if packed else iter(lambda: stored.read(_CHUNK), b"")
    except OSError as error:
        raise DataError(ErrorCode.DATA_UNREADABLE, f"{path}: can't be read ({error.strerror or error})") from None
    except GzipTooLargeError as error:
        raise DataError(ErrorCode.DATA_TOO_LARGE, f"{path}: {error}; it is no file of PubMed") from None


def _unpacked(stored: IO[bytes], size: int) -> Iterator[bytes]:
    """Yield all that can be unpacked; zlib by itself takes two thirds of the time of `gzip.GzipFile`."""
    left = limit = largest_content(size)
    unpacker = zlib.decompressobj(_GZIP)
    while packed := stored.read(_CHUNK):
        while packed:
            if unpacker.eof:  # files are concatenated, and may be padded with zeros
                packed = packed.lstrip(b"\0")
                unpacker = zlib.decompressobj(_GZIP) if packed else unpacker
            try:
                part = unpacker.decompress(packed, _LARGEST_PART)
            except zlib.error as error:
                raise GzipError(f"not a complete gzip file ({error})") from None
            packed = unpacker.unused_data or unpacker.unconsumed_tail
            left -= len(part)
            if left < 0:
                raise GzipTooLargeError(f"unpacks to more than {limit:,} bytes")
            yield part
    if not unpacker.eof:
        raise GzipError("not a complete gzip file (it ends too early)")
