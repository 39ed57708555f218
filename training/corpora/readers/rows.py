"""Reads documents that somebody has made into rows already: JSON lines, also with gzip, with a licence in each."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Final

from pydantic import Field, ValidationError

from evalsuite.errors import DataError, ErrorCode
from evalsuite.util.gzip_file import GzipError, GzipTooLargeError, open_gzip
from evalsuite.util.jsonl import JsonLineError, Readable, read_jsonl
from evalsuite.util.validation import StrictModel, first_problem
from training.corpora.documents import Document, Record, Refused

_SOURCE: Final = "rows"


class _Row(StrictModel):
    id: Annotated[str, Field(min_length=1)]
    text: str
    licence: Annotated[str, Field(min_length=1)]
    title: str = ""
    language: str = "und"
    version: Annotated[int, Field(ge=0, lt=1 << 31)] = 1
    year: Annotated[int, Field(ge=1000, le=9999)] | None = None


def read_rows(path: Path, top: Path | None = None) -> Iterator[Record]:
    """Yield the rows of a file `{"id", "text", "licence", "title", "language", "version", "year"}` as documents.

    The first three are needed. A row of another form, or a line that is no JSON, is refused as
    `malformed`; a file that can't be read is a `DataError`.
    """
    name = path.name if top is None else path.relative_to(top).as_posix()
    try:
        with open_gzip(path) if path.name.endswith(".gz") else path.open("rb") as stream:
            yield from _records(stream, name)
    except (OSError, GzipError, GzipTooLargeError) as error:
        raise DataError(ErrorCode.DATA_UNREADABLE, f"{path}: {error}; restore it") from None


def _records(stream: Readable, name: str) -> Iterator[Record]:
    number = 0
    while True:
        try:
            for line in read_jsonl(stream, skip_blank=True):
                yield _record(line.value, f"{name}:{number + line.number}")
            return
        except JsonLineError as error:  # the lines behind it are read
            number += error.number
            yield Refused(f"{name}:{number}", "malformed", error.reason)


def _record(value: Any, locator: str) -> Record:
    try:
        row = _Row.model_validate(value)
        for text in (row.id, row.text, row.title, row.licence, row.language):
            text.encode()
    except ValidationError as error:
        return Refused(locator, "malformed", first_problem(error, "row"))
    except UnicodeEncodeError:
        return Refused(locator, "malformed", "half a character, as of a text that was cut in two")
    return Document(
        f"{_SOURCE}:{row.id}",
        _SOURCE,
        row.title,
        row.text,
        row.licence,
        locator,
        row.language,
        (),
        row.version,
        row.year,
    )
