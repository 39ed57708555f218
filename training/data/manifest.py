"""What a data set is made of: every file with its sha256 and counts, the licence, the filters it went through."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Final

from pydantic import Field, ValidationError

from evalsuite.errors import DataError
from evalsuite.util.file_digest import sha256_of
from evalsuite.util.validation import StrictModel, first_problem

FILE: Final = "manifest.json"
TRAIN: Final = "train.jsonl"
DEV: Final = "dev.jsonl"
"""Files of a stage's data folder, a row a line; this one need not be there."""
SCHEMA: Final = 1


class File(StrictModel):
    """One file of a data set, its path below the manifest's folder."""

    path: Annotated[str, Field(pattern=r"^[\w+-][\w.+-]*(/[\w+-][\w.+-]*)*$")]
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
    bytes: Annotated[int, Field(ge=0)]
    rows: Annotated[int, Field(ge=0)]


class Filter(StrictModel):
    """A filter that the rows went through."""

    name: str
    kept: Annotated[int, Field(ge=0)]
    dropped: Annotated[int, Field(ge=0)]


class Manifest(StrictModel):
    """What stands in manifest.json."""

    schema_: Annotated[int, Field(alias="schema", ge=SCHEMA, le=SCHEMA)] = SCHEMA
    name: str
    about: str
    licence: str
    files: Annotated[list[File], Field(min_length=1)]
    filters: list[Filter] = Field(default_factory=list)
    made_by: dict[str, Any] = Field(default_factory=dict)
    sources: dict[str, Manifest] = Field(default_factory=dict)
    """What it was made from: data sets by their folder, which is below another one than the manifest's."""

    def to_json(self) -> dict[str, Any]:
        """As it stands in the file."""
        return self.model_dump(mode="json", by_alias=True)


def read_manifest(path: Path) -> Manifest:
    """Read a manifest, or that of a folder; one that is absent or malformed is a `DataError`."""
    file = path / FILE if path.is_dir() else path
    try:
        return Manifest.model_validate_json(file.read_bytes())
    except OSError as error:
        raise DataError(f"{file}: can't be read ({error.strerror or error}); a data set needs its manifest") from None
    except ValidationError as error:
        raise DataError(f"{file}: {first_problem(error, 'manifest')}") from None


def look(folder: Path) -> Manifest:
    """Read a data folder's manifest and look at its files' sizes alone; the first that differs is a `DataError`."""
    manifest = read_manifest(folder)
    for known in manifest.files:
        file = folder / known.path
        if not file.is_file() or file.stat().st_size != known.bytes:
            raise DataError(f"{file}: not there with the {known.bytes:,} bytes of its manifest; make the data again")
    return manifest


def verify(path: Path) -> Manifest:
    """Check every file of a manifest, or of a folder's, and return it; the first that differs is a `DataError`."""
    manifest = read_manifest(path)
    check_files(path if path.is_dir() else path.parent, manifest)
    return manifest


def check_files(folder: Path, manifest: Manifest) -> None:
    """Check that each of a manifest's files is below a folder as it was; the first that isn't is a `DataError`."""
    for known in manifest.files:
        file = folder / known.path
        if not file.is_file():
            raise DataError(f"{file}: missing, but in the manifest of {manifest.name}; make the data set again")
        if sha256_of(file) != known.sha256:
            raise DataError(f"{file}: its bytes are not those of the manifest of {manifest.name}; make it again")


def describe(folder: Path, files: Sequence[tuple[str, int]]) -> list[File]:
    """Describe files of a folder, each given with its number of rows."""
    return [
        File(path=name, sha256=sha256_of(folder / name), bytes=(folder / name).stat().st_size, rows=rows)
        for name, rows in files
    ]


def freeze(
    folder: Path, about: str, licence: str, filters: Sequence[Filter] = (), made_by: Mapping[str, Any] | None = None
) -> Manifest:
    """Write the manifest of the rows in a stage's data folder, which gives it its name, and return it.

    No train.jsonl, an empty file, and a manifest that is there already are each a `DataError`.
    """
    if (folder / FILE).exists():
        raise DataError(f"{folder / FILE}: there already; if its data was changed on purpose, delete it first")
    try:
        names = [TRAIN, *([DEV] if (folder / DEV).exists() else [])]
        counts = [(name, _rows(folder / name)) for name in names]
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
        raise DataError(f"{error.filename}: {error.strerror or error}") from None
    return manifest


def _rows(file: Path) -> int:
    with file.open("rb") as stream:
        count = sum(1 for _ in stream)
    if not count:
        raise DataError(f"{file}: no rows")
    return count


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Write manifest.json beside the files that it describes."""
    text = json.dumps(manifest.to_json(), indent=2, ensure_ascii=False)
    (folder / FILE).write_text(text + "\n", "utf-8")
