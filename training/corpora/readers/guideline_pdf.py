"""Reads guidelines that are PDF files with text: paragraphs, and ruled tables as rows."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from evalsuite.errors import DataError, ErrorCode
from evalsuite.util.installation import install_command
from training.corpora.documents import Document, Record, Refused
from training.corpora.markup.inline import normalised
from training.corpora.readers.jats.licences import creative_commons
from training.corpora.readers.own_files import OwnFile, own_files
from training.corpora.readers.pdf.guard import changed_numbers
from training.corpora.readers.pdf.pages import PdfText, paragraphs, read_pages

NAME: Final = "guideline_pdf"
_NO_TITLE: Final = frozenset({"", "untitled", "(anonymous)"})


def read_guideline_pdf(path: Path, top: Path | None = None) -> Iterator[Record]:
    """Yield the files `.pdf` with the licence that a `LICENCE` beside them states, or their first or last page.

    Lines that stand on at least half of the pages, and struck-out text, are left out. A document whose numbers differ
    between two extractions (pdfminer's and PDFium's) is refused as "digits_changed", a scanned one as "no_text".
    Raises `DataError` where there is nothing to read, or pdfplumber is missing.
    """
    try:
        import pdfplumber
        import pypdfium2
    except ImportError:
        message = f"reading PDF needs the package pdfplumber: {install_command('corpora')}"
        raise DataError(ErrorCode.MISSING_PACKAGE, message) from None
    for file in own_files(path, (".pdf",), top):
        if isinstance(file, Refused):
            yield file
            continue
        try:
            with pdfplumber.open(io.BytesIO(file.content)) as pdf:
                text = read_pages(pdf)
                stated = _stated(pdf)
            second = _second_extraction(pypdfium2.PdfDocument(file.content))
        except Exception as error:  # the two libraries name no common error, and the file is a stranger's
            yield Refused(
                f"{file.name}:1", "malformed", f"no PDF that can be read ({type(error).__name__}: {error})"[:300]
            )
            continue
        yield _record(file, text, stated, second)


def _stated(pdf: Any) -> tuple[str, str]:
    """Return the title and the language that a document states, empty where it doesn't."""
    title = normalised(str((pdf.metadata or {}).get("Title") or "")).replace("\n", " ")
    language = pdf.doc.catalog.get("Lang", b"")
    named = language.decode("ascii", "ignore") if isinstance(language, bytes) else ""
    return "" if title.lower() in _NO_TITLE else title, named.strip()


def _second_extraction(document: Any) -> str:
    try:
        return "\n".join(page.get_textpage().get_text_range() for page in document)
    finally:
        document.close()


def _record(file: OwnFile, text: PdfText, stated: tuple[str, str], second: str) -> Record:
    locator = f"{file.name}:1"
    shown = paragraphs(text)
    if not shown:
        return Refused(locator, "no_text", "it holds no text; is it a scan?")
    changed = changed_numbers(text, shown, second)
    if changed is not None:
        return Refused(locator, "digits_changed", changed)
    ends = " ".join(part.text() for page in {0: text.pages[0], 1: text.pages[-1]}.values() for part in page)
    licence = file.licence or creative_commons(ends)
    if not licence:
        return Refused(
            locator, "licence_missing", "neither a file LICENCE beside it nor its first or last page states one"
        )
    title, language = stated
    struck = any(any(line.struck) for line, _ in text.lines())
    marks = any(line.line().note_marks for line, _ in text.lines())
    status = (*["struck_out_removed"] * struck, *["note_marks_removed"] * marks)
    return Document(
        f"{NAME}:{file.name}", NAME, title or Path(file.name).stem, shown, licence, locator, language or "und", status
    )
