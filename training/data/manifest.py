"""The manifest of a data set: its files with sizes, row counts and SHA-256, its licence, the filters applied to it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Final

from pydantic import Field, ValidationError

from evalsuite.errors import DataError, ErrorCode
from evalsuite.util.atomic_write import write_atomically
from evalsuite.util.file_digest import sha256_of
from evalsuite.util.jsonl import RepeatedKeyError, refuse_repeated_keys
from evalsuite.util.validation import StrictModel, first_problem

FILE: Final = "manifest.json"
TRAIN: Final = "train.jsonl"
DEV: Final = "dev.jsonl"
"""The files of a stage's data folder, one JSON object per line; dev.jsonl is optional."""
_SHARD: Final = re.compile(r"(?:train|dev)-\d{5}-of-\d{5}\.parquet")
"""The files of a split of a corpus in the place of one file of JSON lines."""
SCHEMA: Final = 1
MAX_BYTES: Final = 16 << 20
"""Size of the largest manifest that is read."""


class File(StrictModel):
    """One file of a data set, its path relative to the manifest's folder."""

    # No "..", no absolute path, no hidden file: a manifest may come from somebody else.
    path: Annotated[str, Field(pattern=r"^[\w+-][\w.+-]*(/[\w+-][\w.+-]*)*$")]
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
    bytes: Annotated[int, Field(ge=0)]
    rows: Annotated[int, Field(ge=0)]


class Filter(StrictModel):
    """One filter applied to the rows, with the number of rows that passed and that did not."""

    name: str
    kept: Annotated[int, Field(ge=0)]
    dropped: Annotated[int, Field(ge=0)]


class Manifest(StrictModel):
    """One data set's manifest.json."""

    schema_: Annotated[int, Field(alias="schema", ge=SCHEMA, le=SCHEMA)] = SCHEMA
    name: str
    about: str
    licence: str
    files: Annotated[list[File], Field(min_length=1)]
    filters: list[Filter] = Field(default_factory=list)
    made_by: dict[str, Any] = Field(default_factory=dict)
    """The program that wrote the data set, with its arguments."""
    sources: dict[str, Manifest] = Field(default_factory=dict)
    """The manifests of its source data sets by folder; their files are not in this manifest's folder."""

    def to_json(self) -> dict[str, Any]:
        """Return the content of manifest.json."""
        return self.model_dump(mode="json", by_alias=True)

    def find(self, path: str) -> File | None:
        """Return the entry of a file by its path, or None."""
        return next((file for file in self.files if file.path == path), None)

    def split_files(self, split: str) -> list[File]:
        """Return the files of a split: its JSON lines, or the Parquet shards of a corpus, in their order."""
        lines = self.find(f"{split}.jsonl")
        shards = (file for file in self.files if _SHARD.fullmatch(file.path) and file.path.startswith(f"{split}-"))
        return sorted(shards, key=lambda file: file.path) if lines is None else [lines]

    @property
    def tokens(self) -> int | None:
        """The tokens that the program which wrote the data set counted, or None."""
        count = self.made_by.get("tokens")
        return count if isinstance(count, int) and not isinstance(count, bool) and count >= 0 else None


def read_manifest(path: Path) -> Manifest:
    """Read a manifest, given as its file or its folder; an absent or malformed one is a `DataError`."""
    file = path / FILE if path.is_dir() else path
    try:
        with file.open("rb") as stream:
            content = stream.read(MAX_BYTES + 1)
        if len(content) > MAX_BYTES:
            raise DataError(ErrorCode.INVALID_MANIFEST, f"{file}: larger than {MAX_BYTES:,} bytes: no manifest")
        refuse_repeated_keys(content)
        return Manifest.model_validate_json(content)
    except RepeatedKeyError as error:
        message = f"{file}: line {error.line}: {error}"
        raise DataError(ErrorCode.INVALID_MANIFEST, message) from None
    except OSError as error:
        raise DataError(
            ErrorCode.INVALID_MANIFEST,
            f"{file}: can't be read ({error.strerror or error}); evalsuite train freeze writes a data set's manifest",
        ) from None
    except ValidationError as error:
        raise DataError(
            ErrorCode.INVALID_MANIFEST, f"{file}: {first_problem(error, 'manifest')}; write the manifest again"
        ) from None


def check_sizes(folder: Path) -> Manifest:
    """Return a data folder's manifest after comparing its files' sizes alone; the first that differs is a `DataError`.

    Sizes are compared where hashing every byte would take too long, such as before a run is planned.
    """
    manifest = read_manifest(folder)
    for entry in manifest.files:
        file = folder / entry.path
        if not file.is_file() or file.stat().st_size != entry.bytes:
            raise DataError(
                ErrorCode.TRAINING_DATA_CHANGED,
                f"{file}: absent, or its size is not the manifest's {entry.bytes:,} bytes; restore it or make the data "
                "again",
            )
    return manifest


def verify(path: Path) -> Manifest:
    """Check every byte of a manifest's files and return the manifest; the first file that differs is a `DataError`.

    `path` is the manifest or its folder.
    """
    manifest = read_manifest(path)
    check_files(path if path.is_dir() else path.parent, manifest)
    return manifest


def check_files(folder: Path, manifest: Manifest) -> None:
    """Compare the SHA-256 of each file of a manifest in a folder; the first that differs is a `DataError`."""
    for entry in manifest.files:
        file = folder / entry.path
        if not file.is_file():
            raise DataError(
                ErrorCode.TRAINING_DATA_CHANGED,
                f"{file}: missing, but in the manifest of {manifest.name}; restore it or make the data again",
            )
        if sha256_of(file) != entry.sha256:
            raise DataError(
                ErrorCode.TRAINING_DATA_CHANGED,
                f"{file}: its SHA-256 is not the one in the manifest of {manifest.name}; restore it or make it again",
            )


def describe(folder: Path, files: Sequence[tuple[str, int]]) -> list[File]:
    """Return the manifest entries of files in a folder, each given as its path and its number of rows."""
    return [
        File(path=name, sha256=sha256_of(folder / name), bytes=(folder / name).stat().st_size, rows=rows)
        for name, rows in files
    ]


def freeze(
    folder: Path, about: str, licence: str, filters: Sequence[Filter] = (), made_by: Mapping[str, Any] | None = None
) -> Manifest:
    """Write and return the manifest of a stage's data folder; the data set is named after the folder.

    A missing train.jsonl, an empty file and an existing manifest are each a `DataError`.
    """
    if (folder / FILE).exists():
        raise DataError(
            ErrorCode.OUTPUT_EXISTS, f"{folder / FILE}: exists already; delete it first if the data changed on purpose"
        )
    try:
        names = [TRAIN, *([DEV] if (folder / DEV).exists() else [])]
        counts = [(name, _count_rows(folder / name)) for name in names]
        manifest = Manifest(
            name=folder.resolve().name,
            about=about,
            licence=licence,
            files=describe(folder, counts),
            filters=list(filters),
            made_by=dict(made_by or {}),
        )
        write_manifest(folder, manifest)
    except OSError as error:
        raise DataError(
            ErrorCode.DATA_NOT_FOUND if isinstance(error, FileNotFoundError) else ErrorCode.DATA_UNREADABLE,
            f"{error.filename}: {error.strerror or error}; a data folder needs {TRAIN}",
        ) from None
    return manifest


def _count_rows(file: Path) -> int:
    # Lines are counted in bytes: a manifest is written before anybody knows whether the rows are valid.
    with file.open("rb") as stream:
        count = sum(1 for _ in stream)
    if not count:
        raise DataError(ErrorCode.TRAINING_DATA_MALFORMED, f"{file}: no rows; write at least one")
    return count


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Write manifest.json next to the files that it describes."""
    text = json.dumps(manifest.to_json(), indent=2, ensure_ascii=False)
    write_atomically(folder / FILE, (text + "\n").encode())
