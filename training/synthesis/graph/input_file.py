"""The bytes of a graph file: unpacked within a bound, checked for UTF-8, with their checksum."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Final, NamedTuple

from evalsuite.errors import DataError, ErrorCode
from evalsuite.util.gzip_file import GzipError, GzipTooLargeError, open_gzip

_GZIP: Final = b"\x1f\x8b"


class InputFile(NamedTuple):
    """A file's name, its unpacked bytes, and the SHA-256 of the bytes as they lie on the disk."""

    path: Path
    data: bytes
    sha256: str

    def line_at(self, offset: int) -> int:
        """Return the number, from 1, of the line that holds the byte at an offset."""
        return self.data.count(b"\n", 0, offset) + 1

    def text(self) -> str:
        """Return the content. Raises `DataError` with file and line where it is no UTF-8 text."""
        try:
            return self.data.decode()
        except UnicodeDecodeError as error:
            message = f"{self.path}:{self.line_at(error.start)}: not UTF-8 text; save the file as UTF-8"
            raise DataError(ErrorCode.DATA_UNREADABLE, message) from None


def read_input(path: Path, argument: str = "graph") -> InputFile:
    """Read a file whole, unpacking gzip. Raises `DataError` if it is absent, damaged or too large.

    `argument`: the one that names the file, for the message.
    """
    try:
        raw = path.read_bytes()
        data = _unpacked(path) if raw[:2] == _GZIP else raw
    except FileNotFoundError:
        raise DataError(ErrorCode.DATA_NOT_FOUND, f"{path}: no such file (`{argument}`)") from None
    except GzipTooLargeError as error:
        message = f"{path}: {error}; it is not the file that was expected"
        raise DataError(ErrorCode.DATA_TOO_LARGE, message) from error
    except (OSError, GzipError) as error:
        raise DataError(ErrorCode.DATA_UNREADABLE, f"{path}: can't be read ({error}); fetch it again") from error
    return InputFile(path, data, hashlib.sha256(raw).hexdigest())


def _unpacked(path: Path) -> bytes:
    with open_gzip(path) as stream:
        return stream.read()
