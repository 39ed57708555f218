"""Reads documents that somebody has made into rows already: JSON lines, also with gzip, with a licence in each."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Final

from pydantic import Field, ValidationError

from evalsuite.errors import DataError, ErrorCode
from evalsuite.util.gzip_file import GzipError, GzipTooLargeError, open_gzip
from evalsuite.util.jsonl import JsonLineError, read_jsonl
from evalsuite.util.validation import StrictModel, first_problem
from training.corpora.documents import Document, Record, Refused

_SOURCE: Final = "rows"


class _Row(StrictModel):
    id: Annotated[str, Field(min_length=1)]
    text: str
    licence: Annotated[str, Field(min_length=1)]
    title: str = ""
    language: str = "und"
    version: Annotated[int, Field(ge=0)] = 1
    year: int | None = None


def read_rows(path: Path) -> Iterator[Record]:
    """Yield the rows of a file `{"id", "text", "licence", "title", "language", "version", "year"}` as documents.

    The first three are needed. A row of another form is refused as `malformed`; a file that can't be read is a
    `DataError`.
    """
    try:
        with open_gzip(path) if path.name.endswith(".gz") else path.open("rb") as stream:
            for line in read_jsonl(stream, skip_blank=True):
                yield _record(line.value, f"{path.name}:{line.number}")
    except (OSError, GzipError, GzipTooLargeError) as error:
        raise DataError(ErrorCode.DATA_UNREADABLE, f"{path}: {error}; restore it") from None
    except JsonLineError as error:
        yield Refused(f"{path.name}:{error.number}", "malformed", error.reason)


def _record(value: Any, locator: str) -> Record:
    try:
        row = _Row.model_validate(value)
        row.text.encode()
        row.title.encode()
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
