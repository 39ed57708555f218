"""What every reader of a corpus yields: documents, what it refused, and what its source has deleted."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

BAD_INPUT: Final = frozenset({"malformed", "truncated", "missing_id", "doubled_id"})
"""Reasons that say that a file isn't what it should be, by which a command stops unless bad input is skipped."""


@dataclass(frozen=True, slots=True)
class Document:
    """One text of a source, with its numbers as the source has them.

    `id`: the reader's name, a colon, and the publisher's own id ("pubmed:12345678"), which is unique over all sources;
    where the user names the texts (`OWN_IDS` of the readers), it is unique in its source. A further text of the same
    record has a suffix behind "#" ("pubmed:12345678#fr"), and is deleted with it;
    `source`: the reader's name; `text`: paragraphs separated by a blank line, without the title; `licence`: the SPDX
    id or the source's own statement; `locator`: the file and where in it ("pubmed26n0001.xml.gz:120");
    `language`: a BCP 47 tag ("en"), "und" where the source states none; `status`: what the source or the reader
    states of it, such as "erratum" or "note_marks_removed"; `version`: counts up where a source revises a document;
    `year`: of publication, where it is stated.
    """

    id: str
    source: str
    title: str
    text: str
    licence: str
    locator: str
    language: str
    status: tuple[str, ...]
    version: int = 1
    year: int | None = None


@dataclass(frozen=True, slots=True)
class Refused:
    """What a reader did not turn into a document.

    `reason`: a fixed name, such as "digits_changed" or "retracted", under which it is counted; `detail`: one line.
    """

    locator: str
    reason: str
    detail: str


@dataclass(frozen=True, slots=True)
class Deleted:
    """A document that its source has deleted: whatever came before under this id, and under this id and "#", goes.

    `for_good`: what comes later goes, too, as where the files of a source are in no order of time.
    """

    id: str
    locator: str
    for_good: bool = False


Record = Document | Refused | Deleted


class Reader(Protocol):
    """Reads a file or a folder of one source in a fixed order; memory doesn't grow with the number of texts."""

    def __call__(self, path: Path, top: Path | None = None, /) -> Iterator[Record]:
        """Yield what is at `path`.

        `top`: the folder of the source, below which files are named and a `LICENCE` counts; None where `path` is that
        folder or a file in it. Raises `DataError` where nothing can be read at all; whatever is wrong with a part of it
        is a `Refused`.
        """
        ...
