"""Reads the chapters of StatPearls, or another book of the NCBI Bookshelf: .nxml in the book dialect of JATS."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from training.corpora.documents import Document, Record, Refused
from training.corpora.markup.elements import Element, local_name, parse_xml
from training.corpora.markup.guarded import guarded
from training.corpora.readers.jats.articles import LANGUAGE, SUFFIXES, publication_year
from training.corpora.readers.jats.dialect import DIALECT, TITLE, prepare
from training.corpora.readers.jats.licences import read_licence
from training.corpora.readers.packages import each_record

NAME: Final = "statpearls"
_ROOTS: Final = frozenset({"book-part-wrapper", "book-part", "book"})
_ID_KINDS: Final = ("pmcid", "nbk", "bookaccession", "pmid", "doi")


def read_statpearls(path: Path, top: Path | None = None) -> Iterator[Record]:
    """Yield the chapters below a path, each as one document with all its sections, tables and foot notes.

    A chapter without a licence of its own has that of its book. Raises `DataError` where there is nothing to read.
    """
    return each_record(path, SUFFIXES, _read, top)


def _read(content: bytes, name: str) -> Iterator[Record]:
    root = parse_xml(content)
    prepare(root)
    if local_name(root) not in _ROOTS:
        yield Refused(f"{name}:1", "malformed", f"the root is <{local_name(root)[:40]}>, not a chapter of a book")
        return
    book = root.findall("{*}book-meta//{*}permissions")
    chapters = [each for each in root.iter("{*}book-part") if each.find("{*}body") is not None]
    if not chapters:
        yield Refused(f"{name}:{root.sourceline or 1}", "no_text", "no chapter with a body")
    for chapter in chapters:
        yield _chapter(chapter, root, book, f"{name}:{chapter.sourceline or 1}")


def _chapter(chapter: Element, root: Element, book: list[Element], locator: str) -> Record:
    meta = chapter.find("{*}book-part-meta")
    meta = chapter if meta is None else meta
    title = guarded(meta.findall("{*}title-group/{*}title"), TITLE)
    identity = _identity(chapter, meta)
    detail = f"{identity or 'a chapter'} {title.text[:80]!r}".replace("\n", " ")
    if not identity:
        return Refused(locator, "missing_id", f"{detail} states no id")
    licence = read_licence(meta.findall("{*}permissions") or book)
    if licence.forbids:
        return Refused(locator, "licence_forbids", f"{detail}: {licence.forbids}")
    if not licence.name:
        return Refused(locator, "licence_missing", f"{detail} states no licence")
    text = guarded(chapter.findall("{*}body"), DIALECT)
    if not text.text:
        return Refused(locator, "no_text", f"{detail} has no text")
    language = chapter.get(LANGUAGE) or root.get(LANGUAGE) or "en"
    marks = ("note_marks_removed",) if text.note_marks else ()
    year = publication_year(meta)
    return Document(
        f"{NAME}:{identity}", NAME, title.text, text.text, licence.name, locator, language, marks, year=year
    )


def _identity(chapter: Element, meta: Element) -> str:
    """Return the id of a chapter: that of the Bookshelf, else the one that its element has."""
    ids = {each.get("pub-id-type", ""): "".join(each.itertext()).strip() for each in meta.findall("{*}book-part-id")}
    for kind in _ID_KINDS:
        if ids.get(kind):
            return ids[kind]
    return chapter.get("id") or ""
