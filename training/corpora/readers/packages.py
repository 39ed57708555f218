"""Files of a folder, or members of tar archives, as they stand: one text after the other, each of bounded size."""

from __future__ import annotations

import tarfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Final, NamedTuple

from evalsuite.errors import DataError, ErrorCode
from evalsuite.util.regular_file import NotRegularFileError, read_regular_file
from training.corpora.documents import Record, Refused
from training.corpora.markup.elements import LARGEST, UnreadableError
from training.corpora.markup.guarded import ChangedDigitsError

ARCHIVES: Final = (".tar.gz", ".tgz", ".tar")


class PackagedFile(NamedTuple):
    """A file, or a member of an archive, by its name for people."""

    name: str
    content: bytes


def each_record(
    path: Path,
    suffixes: tuple[str, ...],
    read: Callable[[bytes, str], Iterator[Record]],
    top: Path | None = None,
) -> Iterator[Record]:
    """Yield what `read` makes of the content and the name of each member.

    A member that can't be read is refused as "malformed" with its line, one with a changed number as "digits_changed".
    Raises `DataError` where there is nothing to read.
    """
    for member in members(path, suffixes, top):
        if isinstance(member, Refused):
            yield member
            continue
        try:
            yield from read(member.content, member.name)
        except UnreadableError as error:
            yield Refused(f"{member.name}:{error.line}", "malformed", str(error))
        except ChangedDigitsError as error:
            yield Refused(f"{member.name}:1", "digits_changed", str(error))


def members(path: Path, suffixes: tuple[str, ...], top: Path | None = None) -> Iterator[PackagedFile | Refused]:
    """Yield the files with these suffixes: that one, those below a folder by name, those in archives in their order.

    `top`: the folder of a source, below which files are named and others than these are passed over, where it isn't
    `path`. What is no regular file, or too large, is refused. Raises `DataError` where there is nothing to read.
    """
    if not path.exists():
        raise DataError(ErrorCode.DATA_NOT_FOUND, f"{path}: no such file or folder")
    wanted = (*suffixes, *ARCHIVES)
    files = [path] if top is None or path.name.lower().endswith(wanted) else []
    if path.is_dir():
        files = sorted(file for file in path.rglob("*") if file.name.lower().endswith(wanted))
        if not files:
            message = f"{path}: no file in this folder ends with {', '.join(wanted)}"
            raise DataError(ErrorCode.DATA_NOT_FOUND, message)
    top = top or (path if path.is_dir() else path.parent)
    for file in files:
        name = file.relative_to(top).as_posix()
        if file.name.lower().endswith(ARCHIVES):
            yield from _archive(file, name, suffixes)
        else:
            yield _file(file, name)


def _file(file: Path, name: str) -> PackagedFile | Refused:
    try:
        return PackagedFile(name, read_regular_file(file, LARGEST))
    except NotRegularFileError as error:
        return Refused(f"{name}:1", "too_large" if file.is_file() else "malformed", str(error.strerror))
    except OSError as error:
        raise DataError(ErrorCode.DATA_UNREADABLE, f"{file}: can't be read ({error.strerror or error})") from None


def _archive(file: Path, name: str, suffixes: tuple[str, ...]) -> Iterator[PackagedFile | Refused]:
    """Yield the members of an archive, which is never unpacked to disk."""
    place = name
    try:
        with tarfile.open(file, "r|*") as archive:
            while (info := archive.next()) is not None:
                archive.members = []  # type: ignore[attr-defined]  # it would keep every header that was read
                # A name may have bytes that are no UTF-8, which no table takes.
                place = f"{name}/{info.name.encode(errors='replace').decode()}"
                if not info.isfile() or not info.name.lower().endswith(suffixes):
                    continue
                if info.size > LARGEST:
                    yield Refused(f"{place}:1", "too_large", f"it is larger than {LARGEST:,} bytes")
                    continue
                content: IO[bytes] | None = archive.extractfile(info)
                yield PackagedFile(place, content.read() if content else b"")
    except (tarfile.TarError, EOFError, zlib.error) as error:
        yield Refused(f"{place}:1", "truncated", f"the archive is damaged or cut short ({error})")
    except OSError as error:
        if error.errno is not None:
            raise DataError(ErrorCode.DATA_UNREADABLE, f"{file}: can't be read ({error.strerror})") from None
        yield Refused(f"{place}:1", "truncated", f"the archive is damaged ({error})")
