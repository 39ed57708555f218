"""The citations of a file one after the other as trees of XML, with memory for one of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from evalsuite.errors import DataError, ErrorCode
from evalsuite.util.gzip_file import GzipError
from evalsuite.util.installation import install_command
from training.corpora.markup.elements import Element
from training.corpora.readers.pubmed.files import chunks
from training.corpora.readers.pubmed.pruning import pruned

_TAGS: Final = ("PubmedArticle", "PubmedBookArticle", "DeleteCitation")
_ROOT: Final = "PubmedArticleSet"
_EXACT_LINES: Final = 65535
LARGEST: Final = 64 << 20
"""Bytes of the largest citation that is read, and of the largest list of deletions."""


class MalformedError(ValueError):
    """A file that can't be read on. `line`: where, from 1; `reason`: "malformed" or "truncated"."""

    def __init__(self, reason: str, line: int, detail: str) -> None:
        super().__init__(detail)
        self.reason, self.line = reason, line


class _Stream:
    """Chunks as a file that lxml reads, with a bound on what it reads for one citation."""

    def __init__(self, parts: Iterable[bytes]) -> None:
        self._parts = iter(parts)
        self.lines = 1
        self.since_citation = 0
        self.ended = False

    def read(self, size: int) -> bytes:
        """Return the next chunk, of any size; nothing at the end."""
        part = next((part for part in self._parts if part), b"")
        self.lines += part.count(b"\n")
        self.since_citation += len(part)
        self.ended = not part
        if self.since_citation > LARGEST:
            raise MalformedError("malformed", self.lines, f"no citation ends within {LARGEST:,} bytes")
        return part


def elements(path: Path, regular: bool) -> Iterator[Element]:
    """Yield the citations and the lists of deletions of a file; each is empty once the next one is taken.

    `regular`: what `scan` found of the file. Nothing that the file refers to is read: no document type, no entity.
    Raises `MalformedError` where the file is damaged, after what stands before, and `DataError`.
    """
    try:
        from lxml import etree
    except ImportError:
        message = f"reading PubMed needs lxml: {install_command('corpora')}"
        raise DataError(ErrorCode.MISSING_PACKAGE, message) from None
    content = chunks(path)
    stream = _Stream(pruned(content) if regular else content)
    parser = etree.iterparse(
        stream,
        tag=_TAGS,
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        remove_comments=True,
        remove_pis=True,
    )
    try:
        for number, (_, element) in enumerate(parser):
            stream.since_citation = 0
            if number == 0:
                _check_document(element)
            yield element
            element.clear()
            while element.getprevious() is not None:
                del element.getparent()[0]
    except GzipError as error:
        raise MalformedError("truncated", stream.lines, str(error)) from None
    except etree.XMLSyntaxError as error:
        cut_off = stream.ended
        reason, line = ("truncated" if cut_off else "malformed"), error.lineno or stream.lines
        raise MalformedError(reason, line, f"not well-formed XML ({error.msg})") from None
    if parser.root is not None and parser.root.tag != _ROOT:
        raise MalformedError("malformed", 1, f"the root is <{parser.root.tag}>, not <{_ROOT}>")


def line_of(element: Element) -> int:
    """Return the line of an element's start tag, from 1."""
    line = int(element.sourceline)
    if line < _EXACT_LINES:
        return line
    # Above, libxml2 keeps the lines of texts alone, where they end; it answers with that of the first one inside.
    first = element
    while not first.text and len(first):
        first = first[0]
    return line - (first.text or "").count("\n")


def _check_document(element: Element) -> None:
    """Refuse a file that declares entities: they can stand for files, or for more text than fits into memory."""
    declared = element.getroottree().docinfo.internalDTD
    if declared is not None and next(declared.iterentities(), None) is not None:
        raise MalformedError("malformed", 1, "the file declares entities")
