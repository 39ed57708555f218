"""A file's content as a stream of bounded chunks, plain or unpacked from gzip or (multistream) bzip2."""

from __future__ import annotations

import bz2
import gzip
import hashlib
import io
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, Final

from evalsuite.errors import DataError, ErrorCode

MAX_RATIO: Final = 100
"""Content per stored byte; dumps are at 3 to 30, long repetitions above 1,000."""
_ALWAYS_ALLOWED: Final = 64 << 20
_CHUNK: Final = 1 << 18
_REFUSED: Final = {b"7z\xbc\xaf": "7z", b"\x28\xb5\x2f\xfd": "Zstandard", b"\xfd7zX": "xz", b"PK\x03\x04": "zip"}


class DumpCutShortError(ValueError):
    """A compressed file that is damaged or ends too early; what stood before has been yielded."""


class ChunkReader:
    """Reads a file once. `sha256` is that of the stored bytes, once all chunks have been taken."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._digest = hashlib.sha256()

    @property
    def sha256(self) -> str:
        """The SHA-256 of what has been read."""
        return self._digest.hexdigest()

    def chunks(self) -> Iterator[bytes]:
        """Yield the content. Raises `DataError` for an absent file or an unknown packing, `DumpCutShortError` later."""
        self._digest = hashlib.sha256()
        if self.path.exists() and not self.path.is_file():
            raise DataError(ErrorCode.DATA_UNREADABLE, f"{self.path}: not a regular file; save the dump first")
        try:
            with self.path.open("rb") as file:
                stored = _Hashed(file, self._digest)
                yield from self._unpacked(stored, file.read(4))
                while file.read(_CHUNK):  # what follows the packed content belongs to the checksum
                    pass
        except FileNotFoundError:
            raise DataError(ErrorCode.DATA_NOT_FOUND, f"{self.path}: no such file") from None
        except OSError as error:
            message = f"{self.path}: can't be read ({error.strerror or error})"
            raise DataError(ErrorCode.DATA_UNREADABLE, message) from None

    def _unpacked(self, stored: _Hashed, magic: bytes) -> Iterator[bytes]:
        stored.seek(0)
        packing = next((name for begin, name in _REFUSED.items() if magic.startswith(begin)), None)
        if packing:
            message = f"{self.path}: packed with {packing}, which isn't read; unpack it, or take the .bz2"
            raise DataError(ErrorCode.DATA_UNREADABLE, message)
        content: Any
        if magic[:2] == b"\x1f\x8b":
            content = gzip.GzipFile(fileobj=stored)
        elif magic[:3] == b"BZh":
            content = bz2.BZ2File(stored)
        else:
            content = stored
        yield from self._bounded(content, stored)

    def _bounded(self, content: Any, stored: _Hashed) -> Iterator[bytes]:
        given = 0
        while True:
            try:
                chunk = content.read(_CHUNK)
            except (EOFError, zlib.error, gzip.BadGzipFile) as error:
                raise DumpCutShortError(f"not a complete compressed file ({error})") from None
            except OSError as error:
                if error.errno is not None:
                    raise
                raise DumpCutShortError(f"damaged bzip2 data ({error})") from None
            if not chunk:
                return
            given += len(chunk)
            if given > max(_ALWAYS_ALLOWED, MAX_RATIO * stored.taken):
                message = f"{self.path}: unpacks to more than {MAX_RATIO} times its size; it is no dump"
                raise DataError(ErrorCode.DATA_TOO_LARGE, message)
            yield chunk


class _Hashed(io.RawIOBase):
    """A file whose bytes are hashed as they are read for the first time."""

    def __init__(self, file: IO[bytes], digest: hashlib._Hash) -> None:
        super().__init__()
        self._file, self._digest = file, digest
        self.taken = 0
        """The bytes that have been read."""

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        place = self._file.tell()
        data = self._file.read(len(buffer))
        buffer[: len(data)] = data
        new = data[max(0, self.taken - place) :]
        self._digest.update(new)
        self.taken += len(new)
        return len(data)
