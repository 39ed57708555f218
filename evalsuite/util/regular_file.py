"""Open files in folders that others wrote: no link is written through, and no pipe or device is waited for."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Final

_BLOCK: Final = 65536
"""Bytes that are read at a time when the last line feed of a file is searched."""
_NO_LINK: Final = getattr(os, "O_NOFOLLOW", 0)  # Windows has neither; there links need a privilege
_NO_WAIT: Final = getattr(os, "O_NONBLOCK", 0)
_BINARY: Final = getattr(os, "O_BINARY", 0)
_CLOSED_IN_CHILDREN: Final = getattr(os, "O_CLOEXEC", 0)


class NotRegularFileError(OSError):
    """A link, pipe, device or folder where a file belongs, or a file that is larger than any such file."""


def read_regular_file(path: Path, largest: int) -> bytes:
    """Return the content of a file of at most `largest` bytes. Raises `OSError`.

    A pipe or a device, on which reading could wait for ever, is a `NotRegularFileError`. A link is followed.
    """
    file = os.open(path, os.O_RDONLY | _NO_WAIT | _BINARY | _CLOSED_IN_CHILDREN)
    with os.fdopen(file, "rb") as stream:
        _check_regular(file, path)
        content = stream.read(largest + 1)
    if len(content) > largest:
        raise NotRegularFileError(errno.EFBIG, f"it is larger than {largest:,} bytes", str(path))
    return content


def check_inside(file: Path, folder: Path) -> None:
    """Raise a `NotRegularFileError` if a link leads from a folder to this file outside it. Raises `OSError`."""
    if not file.resolve().is_relative_to(folder.resolve()):
        raise NotRegularFileError(errno.ELOOP, "a link leads out of its folder; put the file itself there", str(file))


def open_for_appending(path: Path) -> int:
    """Return the descriptor of a file to which every write appends; it is made if it is not there. Raises `OSError`.

    A link is a `NotRegularFileError`, so that nothing outside the folder is written.
    """
    if path.is_symlink():
        raise _link(path)
    flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | _NO_LINK | _NO_WAIT | _BINARY | _CLOSED_IN_CHILDREN
    try:
        file = os.open(path, flags, 0o644)
    except OSError as error:
        raise (_link(path) if error.errno == errno.ELOOP else error) from None
    try:
        _check_regular(file, path)
    except OSError:
        os.close(file)
        raise
    return file


def cut_behind_last_line(file: int) -> None:
    """Remove what follows the last line feed of an open file: a line that a kill or a full disk cut short."""
    end = os.lseek(file, 0, os.SEEK_END)
    while end > 0:
        start = max(0, end - _BLOCK)
        os.lseek(file, start, os.SEEK_SET)
        newline = os.read(file, end - start).rfind(b"\n")
        if newline >= 0:
            end = start + newline + 1
            break
        end = start
    os.ftruncate(file, end)


def files_in(folder: Path) -> list[Path]:
    """Return the regular files below a folder, which itself may be a link, in order; no link in it is followed."""
    below = (Path(parent, name) for parent, _, names in os.walk(folder) for name in names)
    return sorted(path for path in below if not path.is_symlink() and path.is_file())


def links_in(folder: Path) -> Iterator[Path]:
    """Yield the symbolic links below a folder, which itself may be one."""
    for parent, folders, files in os.walk(folder):
        for name in sorted((*folders, *files)):
            path = Path(parent, name)
            if path.is_symlink():
                yield path


def _check_regular(file: int, path: Path) -> None:
    if not stat.S_ISREG(os.fstat(file).st_mode):
        raise NotRegularFileError(errno.EINVAL, "it is not a regular file", str(path))


def _link(path: Path) -> NotRegularFileError:
    return NotRegularFileError(errno.ELOOP, "it is a link, which is not followed; replace it by the file", str(path))
