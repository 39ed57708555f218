"""Write files and folders so that a reader sees the old content or the new one, and never a part of it."""

from __future__ import annotations

import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

PARTIAL: Final = ".part"
"""Suffix of files and folders that are still being written; a kill may leave one behind."""


@contextmanager
def atomic_path(target: Path, suffix: str = PARTIAL) -> Iterator[Path]:
    """Yield the path of a new, empty file in the folder of `target`; at the end it replaces `target`.

    The new file is flushed to the disk before. After an exception it is deleted, and `target` is what it was. `suffix`
    is for libraries that choose a format by a file's name. Raises `OSError`.
    """
    partial = target.with_name(f".{target.name}.{secrets.token_hex(4)}{suffix}")
    # O_EXCL refuses a name that exists, a symbolic link included, so that nothing else is overwritten and no link that
    # somebody put there is followed. The name is random, since two processes may write the same target.
    os.close(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666))
    try:
        yield partial
        with partial.open("rb+") as written:
            os.fsync(written.fileno())  # otherwise a power cut can leave an empty file under the new name
        partial.replace(target)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise


def is_partial_of(path: Path, target: Path) -> bool:
    """Return whether `path` is a partial file of `target`, which a process that was killed left behind."""
    return path.parent == target.parent and path.match(f".{target.name}.*{PARTIAL}")


def write_atomically(target: Path, content: bytes) -> None:
    """Replace the content of a file. Raises `OSError`."""
    with atomic_path(target) as partial:
        partial.write_bytes(content)


def write_output(target: Path, content: bytes) -> None:
    """Write a file that a command names, which may be a device such as /dev/stdout. Raises `OSError`.

    A link elsewhere is replaced and not written through: somebody may have put it into a folder that is passed on.
    """
    if is_device(target):
        target.write_bytes(content)
    else:
        write_atomically(target, content)


def is_device(target: Path) -> bool:
    """Return whether a path that a command names is a device such as /dev/stdout."""
    return target.is_absolute() and target.parts[1:2] == ("dev",)


def check_writable(folder: Path) -> None:
    """Raise `OSError` if files can't be created in a folder, which need not exist yet and is not created.

    For commands that work long before they write.
    """
    absent = [each for each in (folder, *folder.parents) if not each.exists()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    finally:
        with suppress(OSError):  # another process has put something into it, or it could not be created
            for each in absent:
                each.rmdir()


@contextmanager
def atomic_folder(target: Path) -> Iterator[Path]:
    """Yield a new, empty folder beside `target`; at the end it is renamed to `target`, which must not hold anything.

    After an exception it is deleted. Raises `OSError`.
    """
    partial = new_partial_folder(target)
    try:
        yield partial
        partial.rename(target)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise


def new_partial_folder(target: Path) -> Path:
    """Return the partial folder of `target`, empty; what a process that was killed left in it is deleted.

    Its name is fixed, unlike that of a partial file: what is left behind can be gigabytes of weights.
    """
    partial = partial_folder(target)
    if partial.is_symlink():
        partial.unlink()
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    return partial


def partial_folder(target: Path) -> Path:
    """Return the path at which `target` is written before it is renamed."""
    return target.with_name(f".{target.name}{PARTIAL}")
