"""Read gzip files that nobody vouches for: a file of a few kilobytes can unpack to any size."""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

MAX_BYTES: Final = 2 << 30
"""Largest content of a file, after decompression."""
MAX_RATIO: Final = 100
"""Content per stored byte; benchmark files and recordings are at 3 to 20, long repetitions above 1,000."""
_ALWAYS_ALLOWED: Final = 16 << 20
"""Bytes of content that may have any ratio."""


class GzipError(ValueError):
    """A gzip file that is damaged or incomplete."""


class GzipTooLargeError(ValueError):
    """A gzip file that unpacks to more than is allowed."""


class _Bounded(io.RawIOBase):
    """The content of a gzip file; reading beyond `limit` bytes is a `GzipTooLargeError`."""

    def __init__(self, unpacked: gzip.GzipFile, limit: int) -> None:
        super().__init__()
        self._unpacked, self._left, self._limit = unpacked, limit, limit

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        try:
            count = self._unpacked.readinto(buffer)
        except (gzip.BadGzipFile, EOFError, zlib.error) as error:
            raise GzipError(f"not a complete gzip file ({error})") from None
        self._left -= count
        if self._left < 0:
            raise GzipTooLargeError(f"unpacks to more than {self._limit:,} bytes")
        return count


def largest_content(stored: int) -> int:
    """Return the bytes that a file of `stored` bytes may unpack to."""
    return min(MAX_BYTES, max(_ALWAYS_ALLOWED, MAX_RATIO * stored))


@contextmanager
def open_gzip(path: Path) -> Iterator[io.BufferedReader]:
    """Open a gzip file as a stream of its content.

    Reading raises a `GzipTooLargeError` beyond `largest_content`, a `GzipError` where the file is damaged, and an
    `OSError` as any file does.
    """
    with path.open("rb") as stored:
        size = stored.seek(0, io.SEEK_END)
        stored.seek(0)
        limit = largest_content(size)
        with gzip.GzipFile(fileobj=stored) as unpacked:
            yield io.BufferedReader(_Bounded(unpacked, limit), buffer_size=1 << 16)
