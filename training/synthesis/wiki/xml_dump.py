"""Streams the articles of a MediaWiki XML dump, of export schemas 0.3 to 0.11, in bounded memory.

Source: https://www.mediawiki.org/wiki/Help:Export and docs/export-0.11.xsd of MediaWiki. Schema 0.11, against 0.10:
`origin` of a revision, `namespacealiases`, and further slots of a revision in `content` elements with a `role`, each
with a `text` of its own: only the main slot, which stands directly in the revision, is the article.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final
from xml.sax import SAXException, SAXParseException
from xml.sax.handler import ContentHandler
from xml.sax.xmlreader import AttributesImpl, Locator

from evalsuite.errors import DataError, ErrorCode
from evalsuite.util.installation import install_command
from training.synthesis.graph.sources import Problems
from training.synthesis.wiki.compressed import ChunkReader, DumpCutShortError
from training.synthesis.wiki.page import DEFAULT_NAMESPACES, Page, Site

SCHEMAS: Final = tuple(f"0.{number}" for number in range(3, 12))
"""The versions of the export format that are read."""
LARGEST_PAGE: Final = 16 << 20
"""Characters of the longest page that is read; MediaWiki's own limit is 2 MiB."""
_DEEPEST: Final = 32
_SITE: Final = ("sitename", "dbname", "base", "case")
_PAGE: Final = ("title", "ns", "id")
_REVISION: Final = ("id", "timestamp", "model", "text")


class XmlDump:
    """A dump that can be read again and again. `counts`: how many pages the last reading left out, by reason."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.site = Site()
        self.counts: Counter[str] = Counter()
        self._reader = ChunkReader(path)

    @property
    def sha256(self) -> str:
        """The SHA-256 of the file as it is stored, once all pages have been read."""
        return self._reader.sha256

    def pages(self, problems: Problems) -> Iterator[Page]:
        """Yield the articles and redirects. What can't be read is a problem with its line in the unpacked file."""
        try:
            from defusedxml.common import DefusedXmlException
            from defusedxml.sax import make_parser
        except ImportError:
            message = f"reading a dump (`dump`) needs the package defusedxml: {install_command('synthesis')}"
            raise DataError(ErrorCode.MISSING_PACKAGE, message) from None
        handler = _Handler(self.path, problems)
        parser = make_parser()
        parser.forbid_dtd = True
        parser.setContentHandler(handler)
        handler.setDocumentLocator(parser)  # which is only done for it where a whole file is parsed in one call
        ended = False
        try:
            for chunk in self._reader.chunks():
                parser.feed(chunk)
                self.site = handler.site()
                yield from handler.taken()
            ended = True
            parser.feed(b"")
            parser.close()
        except (SAXParseException, DumpCutShortError) as error:
            yield from handler.taken()
            cut = ended or isinstance(error, DumpCutShortError)
            reason = error.getMessage() if isinstance(error, SAXParseException) else str(error)
            what = "the dump is cut short" if cut else "not well-formed XML"
            problems.add(self.path, handler.line(), f"{what} ({reason})", ErrorCode.DATA_UNREADABLE)
        except (DefusedXmlException, SAXException, ValueError) as error:
            yield from handler.taken()
            problems.add(self.path, handler.line(), f"XML that is refused ({error})", ErrorCode.DATA_REFUSED)
        self.counts = handler.counts


class _Handler(ContentHandler):
    """Collects finished pages; of a page's revisions the latest."""

    def __init__(self, path: Path, problems: Problems) -> None:
        super().__init__()
        self.counts: Counter[str] = Counter()
        self._file, self._problems = path, problems
        self._pages: list[Page] = []
        self._open: list[str] = []
        self._text: list[str] | None = None
        self._size = 0
        self._site: dict[str, str] = {}
        self._namespaces: set[str] = set(DEFAULT_NAMESPACES)
        self._page: dict[str, str] = {}
        self._revision: dict[str, str] = {}
        self._best: dict[str, str] = {}
        self._start = 1
        self._place: Locator | None = None

    def setDocumentLocator(self, locator: Locator) -> None:
        self._place = locator

    def line(self) -> int:
        return int(self._place.getLineNumber() or 1) if self._place else 1

    def taken(self) -> list[Page]:
        """Return the pages that are complete, each once."""
        pages, self._pages = self._pages, []
        return pages

    def site(self) -> Site:
        """Return what is known of the wiki."""
        name = self._site.get("dbname", "")
        prefix = name if re.fullmatch(r"[A-Za-z]\w*", name) else "wiki"
        first_letter = self._site.get("case", "first-letter") == "first-letter"
        return Site(
            self._site.get("sitename", ""),
            prefix,
            self._site.get("base", ""),
            frozenset(self._namespaces),
            first_letter,
        )

    def startElement(self, name: str, attrs: AttributesImpl) -> None:
        name = name.rpartition(":")[2]
        if not self._open:
            self._begin(name, attrs)
        self._open.append(name)
        if len(self._open) > _DEEPEST:
            raise SAXException(f"elements in one another, more than {_DEEPEST} deep")
        parent = self._open[-2] if len(self._open) > 1 else ""
        if name == "page" and parent == "mediawiki":
            self._page, self._best, self._start = {}, {}, self.line()
        elif name == "revision" and parent == "page":
            self._revision = {}
        elif name == "redirect" and parent == "page":
            self._page["redirect"] = attrs.get("title", "")
        elif name == "text" and parent == "revision":
            self._revision |= {key: attrs.get(key, "") for key in ("deleted", "bytes", "location")}
        wanted = {"siteinfo": _SITE, "page": _PAGE, "revision": _REVISION}.get(parent, ())
        self._text = [] if name in wanted or name == "namespace" else None
        self._size = 0

    def _begin(self, name: str, attrs: AttributesImpl) -> None:
        if name != "mediawiki":
            raise SAXException(f"the root is {name[:40]}, not mediawiki: no MediaWiki XML dump")
        version = attrs.get("version", "")
        if version not in SCHEMAS:
            reason = f"export schema {version[:20]!r} isn't known; known are {SCHEMAS[0]} to {SCHEMAS[-1]}"
            self._problems.add(self._file, self.line(), reason, ErrorCode.DATA_UNREADABLE)

    def characters(self, content: str) -> None:
        if self._text is not None and self._size <= LARGEST_PAGE:
            self._size += len(content)
            self._text.append(content)

    def endElement(self, name: str) -> None:
        name = self._open.pop()
        parent = self._open[-1] if self._open else ""
        text, self._text = "".join(self._text or ()), None
        if parent == "siteinfo" and name in _SITE:
            self._site[name] = text.strip()
        elif name == "namespace":
            self._namespaces |= {text.strip().lower()} - {""}
        elif parent == "page" and name in _PAGE:
            self._page[name] = text.strip()
        elif parent == "revision" and name in _REVISION:
            self._revision[name] = text if name == "text" else text.strip()
        elif name == "revision" and parent == "page":
            if not self._best or self._revision.get("timestamp", "") >= self._best.get("timestamp", ""):
                self._best = self._revision
        elif name == "page" and parent == "mediawiki":
            self._end_page()

    def _end_page(self) -> None:
        page, best = self._page, self._best
        if page.get("ns", "") not in ("", "0"):
            self.counts["another namespace"] += 1
            return
        reason = self._unreadable(page, best)
        if reason:
            self._problems.add(self._file, self._start, reason)
        elif best.get("deleted"):
            self.counts["text deleted"] += 1
        elif best.get("model", "wikitext") not in ("", "wikitext"):
            self.counts["not wikitext"] += 1
        else:
            self._pages.append(
                Page(
                    page["title"],
                    page.get("id", ""),
                    best.get("id", ""),
                    best.get("timestamp", ""),
                    page.get("redirect", ""),
                    best.get("text", ""),
                    self._start,
                )
            )

    @staticmethod
    def _unreadable(page: dict[str, Any], best: dict[str, Any]) -> str:
        if not page.get("title"):
            return "a page without a title"
        if not best:
            return f"page {page['title'][:80]!r} has no revision"
        if len(best.get("text", "")) > LARGEST_PAGE:
            return f"page {page['title'][:80]!r} is longer than {LARGEST_PAGE:,} characters"
        if "text" not in best and not best.get("deleted"):
            return f"page {page['title'][:80]!r} has no text"
        if not best["text"] and (best["location"] or best["bytes"].strip("0")) and not best["deleted"]:
            return f"page {page['title'][:80]!r} states a text that isn't there: a stub dump; take pages-articles"
        return ""
