"""Reads a user's own texts: files of plain text or Markdown as they stand, each one document."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from training.corpora.documents import Document, Record, Refused
from training.corpora.readers.own_files import own_files

NAME: Final = "text"
_PARAGRAPHS: Final = re.compile(r"\n[ \t\f]*(?:\n[ \t\f]*)+")
_HEADING: Final = re.compile(r"#[ \t]++([^\n]++)\n+")


def read_text(path: Path, top: Path | None = None) -> Iterator[Record]:
    """Yield the files `.txt` and `.md`, named by their place, with the licence that a `LICENCE` beside them states.

    The title is the first heading of a Markdown file, else the file's name. Raises `DataError` where there is nothing
    to read.
    """
    for file in own_files(path, (".txt", ".md"), top):
        yield file if isinstance(file, Refused) else _record(file.name, file.content, file.licence)


def _record(name: str, content: bytes, licence: str) -> Record:
    try:
        text = content.decode("utf-8-sig").replace("\r\n", "\n").replace("\r", "\n").strip()
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        return Refused(f"{name}:{line}", "malformed", "not UTF-8 text; save the file as UTF-8")
    if not licence:
        return Refused(f"{name}:1", "licence_missing", "no file LICENCE beside it says what may be done with it")
    heading = _HEADING.match(text) if name.lower().endswith(".md") else None
    title = (heading[1].rstrip(" \t").rstrip("#").rstrip(" \t") if heading else "") or Path(name).stem
    text = text[heading.end() :] if heading else text
    text = "\n\n".join(part.strip("\n") for part in _PARAGRAPHS.split(text)).strip()
    if not text:
        return Refused(f"{name}:1", "no_text", "the file holds no text")
    return Document(f"{NAME}:{name}", NAME, title, text, licence, f"{name}:1", "und", ())
