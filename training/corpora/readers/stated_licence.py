"""The licence of files that state none themselves: that of a file LICENCE beside them, or above."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Final

from evalsuite.errors import DataError, ErrorCode
from evalsuite.util.regular_file import read_regular_file
from training.corpora.readers.jats.licences import creative_commons

NAMES: Final = frozenset(f"{name}{suffix}" for name in ("licence", "license") for suffix in ("", ".txt", ".md"))
_LARGEST: Final = 1 << 20
_LONGEST: Final = 200


def is_licence(file: Path) -> bool:
    """Whether a file states the licence of others."""
    return file.name.lower() in NAMES


def licence_beside(file: Path, top: Path) -> str:
    """Return what the nearest `LICENCE` (.txt, .md) says between a file's folder and the folder `top`.

    That is the SPDX id of the Creative Commons licence that it names, or its first line; nothing where there is none.
    Raises `DataError` for one that can't be read.
    """
    folder = file.parent
    while True:
        for beside in _licences_in(folder, folder.stat().st_mtime_ns):
            return _stated(beside)
        if folder == top or folder == folder.parent or not folder.is_relative_to(top):
            return ""
        folder = folder.parent


@lru_cache(maxsize=64)
def _licences_in(folder: Path, changed: int) -> tuple[Path, ...]:
    """Return the files of a folder that state a licence; `changed`: when one of its files came or went."""
    # Each of a folder's files is looked up here, and a folder may hold a hundred thousand.
    return tuple(sorted(each for each in folder.iterdir() if is_licence(each)))


def _stated(file: Path) -> str:
    try:
        text = read_regular_file(file, _LARGEST).decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(ErrorCode.DATA_UNREADABLE, f"{file}: can't be read as text ({error}); restore it") from None
    lines = [line.strip("# \t") for line in text.splitlines()]
    first = next((line for line in lines if line), "")
    return creative_commons(text) or first[:_LONGEST]
