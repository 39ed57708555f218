"""The documents of training data: rows of tables and of JSON lines, and texts; large files are read in parts."""

from __future__ import annotations

import codecs
import os
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePath
from typing import Any, Final, NamedTuple

from evalsuite.data.file_formats import read_rows
from evalsuite.data.tables import parquet_rows
from evalsuite.errors import DataError, ErrorCode, UsageError
from evalsuite.util.gzip_file import GzipError, open_gzip
from evalsuite.util.jsonl import JsonLineError, RepeatedKeyError, parse_json, read_jsonl

MANIFEST: Final = "manifest.json"
_TEXTS: Final = (".txt", ".md", ".text")
_LINES: Final = (".jsonl", ".ndjson")
_TABLES: Final = (".json", ".csv", ".tsv", ".xlsx")
_PARQUET: Final = ".parquet"
KINDS: Final = (*_TEXTS, *_LINES, *_TABLES, _PARQUET)
_PART: Final = 1 << 20
"""Characters of a text that are one document."""
_SHARED: Final = 1 << 14
"""Characters that two documents of one text share: more than any question has."""
_DEEPEST: Final = 32
"""Levels of a row that are searched for texts; no data set has as many."""


class Document(NamedTuple):
    """One row, or one part of a text."""

    place: str
    """Line, row or character of the file."""
    fields: tuple[str, ...]
    """Every text of the row, in the row's order."""
    content: Any
    """The row as it stands in the file: a line of bytes, or values by column; of a text nothing."""


class SourceFile(NamedTuple):
    """One file of training data."""

    path: Path
    name: str
    """How reports call it: its path below the folder that was named."""
    kind: str

    @property
    def rows(self) -> bool:
        """Whether its documents are rows."""
        return self.kind not in _TEXTS


def source_files(path: Path) -> list[SourceFile]:
    """Return the files of a path: the file itself, those that a manifest names, or all known ones below a folder.

    A link inside a folder is not followed. Raises a `DataError` where there is nothing to read.
    """
    if path.is_dir():
        manifest = path / MANIFEST
        found = _named(manifest) if manifest.is_file() else _below(path)
    elif path.name == MANIFEST and path.is_file():
        found = _named(path)
    elif path.is_file():
        found = [SourceFile(path, path.name, _kind(path))]
        if not found[0].kind:
            raise DataError(ErrorCode.DATA_UNREADABLE, f"{path}: unknown kind of file; known: {_known()}")
    else:
        raise DataError(ErrorCode.DATA_NOT_FOUND, f"{path}: no such file or folder")
    if not found:
        raise DataError(ErrorCode.DATA_NOT_FOUND, f"{path}: holds no file of a known kind: {_known()}")
    return found


def named_apart(files: Iterable[SourceFile]) -> list[SourceFile]:
    """Return files with names that differ: those of one name have as many of their folders before it as that takes.

    A file that is there twice, which would count twice, is a `UsageError`.
    """
    found: dict[Path, SourceFile] = {}
    for file in files:
        if found.setdefault(file.path.resolve(), file) is not file:
            message = f"{file.path}: is to be searched twice; name it once"
            raise UsageError(ErrorCode.CONFLICTING_ARGUMENTS, message)
    depth = 1
    while equal := {name for name, times in Counter(file.name for file in found.values()).items() if times > 1}:
        depth += 1
        for path, file in found.items():
            if file.name in equal:
                found[path] = file._replace(name="/".join(path.parts[1:][-depth:]))
    return list(found.values())


def _known() -> str:
    return f"{', '.join(KINDS)}, each also with .gz"


def _kind(path: Path) -> str:
    name = path.name.lower().removesuffix(".gz")
    return next((kind for kind in KINDS if name.endswith(kind)), "")


def _below(folder: Path) -> list[SourceFile]:
    found = []
    for base, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted(names):
            path = Path(base, name)
            if _kind(path) and not path.is_symlink():
                found.append(SourceFile(path, path.relative_to(folder).as_posix(), _kind(path)))
    return found


def _named(manifest: Path) -> list[SourceFile]:
    try:
        names = [file["path"] for file in parse_json(manifest.read_bytes())["files"]]
    except RepeatedKeyError as error:
        raise DataError(ErrorCode.DATA_MALFORMED, f"{manifest}: line {error.line}: {error}") from None
    except (ValueError, KeyError, TypeError):
        message = f"{manifest}: not a manifest with files; name the files themselves"
        raise DataError(ErrorCode.DATA_MALFORMED, message) from None
    found = []
    for name in names:
        if not isinstance(name, str) or not _is_below(manifest.parent, name):
            raise DataError(ErrorCode.DATA_NOT_FOUND, f"{manifest}: {name!r} is no file of its folder")
        path = manifest.parent / name
        if _kind(path):
            found.append(SourceFile(path, name, _kind(path)))
    return found


def _is_below(folder: Path, name: str) -> bool:
    """Return whether a name is that of a file below a folder, and stays below any other folder that it is joined to."""
    pure = PurePath(name)
    if pure.is_absolute() or ".." in pure.parts or "\0" in name:
        return False
    path = folder / pure
    return path.is_file() and path.resolve().is_relative_to(folder.resolve())


def documents(file: SourceFile) -> Iterator[Document]:
    """Yield the documents of a file; raises a `DataError` that names the file and the place."""
    try:
        if file.kind in _LINES:
            yield from _lines(file.path)
        elif file.kind == _PARQUET:
            yield from _parquet(file.path)
        elif file.kind in _TEXTS:
            yield from _parts(file.path)
        else:
            for number, row in enumerate(read_rows(file.path), 1):
                yield Document(f"row {number}", tuple(_texts(row)), row)
    except GzipError as error:
        raise DataError(ErrorCode.DATA_UNREADABLE, f"{file.path}: {error}; fetch it again") from None
    except OSError as error:
        raise DataError(ErrorCode.DATA_UNREADABLE, f"{file.path}: {error.strerror or error}") from None


def _open(path: Path) -> Any:
    return open_gzip(path) if path.suffix == ".gz" else path.open("rb")


def _lines(path: Path) -> Iterator[Document]:
    with _open(path) as stream:
        try:
            for line in read_jsonl(stream, skip_blank=True):
                yield Document(f"line {line.number}", tuple(_texts(line.value)), line.raw)
        except JsonLineError as error:
            raise DataError(ErrorCode.DATA_UNREADABLE, f"{path}: {error}") from None


def _parquet(path: Path) -> Iterator[Document]:
    try:
        for number, row in enumerate(parquet_rows(path), 1):
            yield Document(f"row {number}", tuple(_texts(row)), row)
    except ValueError as error:
        raise DataError(ErrorCode.DATA_UNREADABLE, f"{path}: {error}") from None


def _parts(path: Path) -> Iterator[Document]:
    """Yield parts of a text that overlap, so that no question is cut in two; what can't be decoded is no word."""
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    with _open(path) as stream:
        rest, offset = "", 0
        while block := stream.read(_PART):
            text = rest + decoder.decode(block)
            yield Document(f"character {offset}", (text,), None)
            rest = text[-_SHARED:]
            offset += len(text) - len(rest)


def _texts(value: Any, depth: int = 0) -> Iterator[str]:
    """Yield every text in a row, in order."""
    if isinstance(value, str):
        yield value
    elif depth < _DEEPEST:
        if isinstance(value, dict):
            for each in value.values():
                yield from _texts(each, depth + 1)
        elif isinstance(value, list | tuple):
            for each in value:
                yield from _texts(each, depth + 1)
