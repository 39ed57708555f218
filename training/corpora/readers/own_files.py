"""Files of one kind below a path, each with the licence that stands beside it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from evalsuite.errors import DataError, ErrorCode
from evalsuite.util.regular_file import NotRegularFileError, read_regular_file
from training.corpora.documents import Refused
from training.corpora.markup.elements import LARGEST
from training.corpora.readers.stated_licence import is_licence, licence_beside


class OwnFile(NamedTuple):
    """A file by its name below the folder that is read; `licence`: that of the LICENCE beside it, or nothing."""

    name: str
    content: bytes
    licence: str


def own_files(path: Path, suffixes: tuple[str, ...], top: Path | None = None) -> Iterator[OwnFile | Refused]:
    """Yield a file, or the files of a folder by name. What is no regular file, or too large, is refused.

    `top`: the folder below which they are named and a `LICENCE` counts, where it isn't that of `path`.
    Raises `DataError` where there is nothing to read.
    """
    if not path.exists():
        raise DataError(ErrorCode.DATA_NOT_FOUND, f"{path}: no such file or folder")
    top = top or (path if path.is_dir() else path.parent)
    files = sorted(path.rglob("*")) if path.is_dir() else [path]
    files = [each for each in files if each.name.lower().endswith(suffixes) and not is_licence(each)]
    if path.is_dir() and not files:
        raise DataError(ErrorCode.DATA_NOT_FOUND, f"{path}: no file in this folder ends with {', '.join(suffixes)}")
    for file in files:
        name = file.relative_to(top).as_posix()
        try:
            yield OwnFile(name, read_regular_file(file, LARGEST), licence_beside(file, top))
        except NotRegularFileError as error:
            yield Refused(f"{name}:1", "too_large" if file.is_file() else "malformed", str(error.strerror))
        except OSError as error:
            raise DataError(ErrorCode.DATA_UNREADABLE, f"{file}: can't be read ({error.strerror or error})") from None
