"""Reads the articles of a Wikipedia, from a dump or a folder of wikitext, as sentences that show what it shows."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from typing import Final

from evalsuite.errors import DataError, ErrorCode
from training.corpora.digits import digit_strings
from training.corpora.documents import Document, Record, Refused
from training.synthesis.graph.sources import Problems
from training.synthesis.wiki.article import Article
from training.synthesis.wiki.article_folder import ArticleFolder
from training.synthesis.wiki.articles import Pages, is_disambiguation, open_pages
from training.synthesis.wiki.infobox import may_have_box
from training.synthesis.wiki.page import Page, Site
from training.synthesis.wiki.page_parser import PageParser
from training.synthesis.wiki.templates import POWER_OF_TEN

NAME: Final = "wikipedia"
LICENCE: Final = "CC-BY-SA-4.0"
_MEDICAL: Final = re.compile(
    r"\{\{\s*+(?:medical (?:condition |)resources|ICD-?(?:9|10|11)|MedlinePlus|medicine)\s*[|}]", re.I
)
_ADDRESS: Final = re.compile(r"https?://(?P<language>[a-z-]+)\.wikipedia\.org/")
_MESSAGE: Final = re.compile(r"(?P<file>.*?):(?P<line>\d+): (?P<reason>.*)", re.DOTALL)


def read_wikipedia(path: Path, top: Path | None = None) -> Iterator[Record]:
    """Yield the medical articles of a dump, or every article of a folder.

    Templates are rendered first; a sentence with a template that isn't known, with a formula or with broken mark-up is
    left out, and the article's status says how many were. Redirects, disambiguation pages and articles without a
    medical infobox or template are refused by these names. Raises `DataError` where there is nothing to read.
    """
    if not path.exists():
        raise DataError(ErrorCode.DATA_NOT_FOUND, f"{path}: no such file or folder")
    source, problems = open_pages(path), Problems(skip_bad=True)
    name = path.name if top is None else path.relative_to(top).as_posix()
    with PageParser() as parser:
        for page in source.pages(problems):
            yield from _problems(problems)
            yield _record(parser, page, source, name)
    yield from _problems(problems)


def _problems(problems: Problems) -> Iterator[Refused]:
    messages, problems.messages = problems.messages, []
    for message in messages:
        parts = _MESSAGE.fullmatch(message)
        assert parts is not None  # `Problems` states file and line
        reason = "truncated" if "cut short" in parts["reason"] else "malformed"
        yield Refused(f"{Path(parts['file']).name}:{parts['line']}", reason, parts["reason"])


def _record(parser: PageParser, page: Page, source: Pages, name: str) -> Record:
    folder = isinstance(source, ArticleFolder)
    locator = f"{page.title}:{page.line}" if folder else f"{name}:{page.line}"
    if page.redirect:
        return Refused(locator, "redirect", f"{page.title[:80]!r} leads to {page.redirect[:80]!r}")
    if is_disambiguation(page):
        return Refused(locator, "disambiguation", f"{page.title[:80]!r} lists articles")
    if not folder and not (may_have_box(page.text) or _MEDICAL.search(page.text)):
        return Refused(locator, "not_medical", f"{page.title[:80]!r} has no medical infobox")
    if not folder and not _ADDRESS.match(source.site.base):
        return Refused(locator, "licence_missing", f"{source.site.base[:80]!r} is not the address of a Wikipedia")
    try:
        article = parser.read(page, source.site)
    except ValueError as error:
        return Refused(locator, "malformed", f"{page.title[:80]!r}: {error}")
    return _document(article, page, source.site, locator)


def _document(article: Article, page: Page, site: Site, locator: str) -> Record:
    text = _text(article)
    if not text:
        return Refused(locator, "no_text", f"{page.title[:80]!r} has no sentence that can be shown")
    new = _new_digits(text, page.text)
    if new:
        return Refused(locator, "digits_changed", f"{page.title[:80]!r}: new {', '.join(sorted(new))}")
    left_out = sum(section.left_out for section in article.sections)
    status = (f"sentences_left_out={left_out}",) if left_out else ()
    own_id = f"{NAME}:{site.prefix}:{page.page_id or page.title}"
    version = int(page.revision) if re.fullmatch(r"[0-9]{1,18}", page.revision) else 1
    year = int(page.timestamp[:4]) if re.match(r"\d{4}-", page.timestamp) else None
    return Document(own_id, NAME, page.title, text, LICENCE, locator, _language(site), status, version, year)


def _text(article: Article) -> str:
    """Return an article as paragraphs, each section behind the last of its headings; empty ones leave none."""
    paragraphs: list[str] = []
    shown: tuple[str, ...] = ()
    for section in article.sections:
        sentences = iter(section.sentences)
        found = [" ".join(next(sentences) for _ in range(count)) for count in section.paragraphs if count]
        if not found:
            continue
        common = next(
            (at for at, pair in enumerate(zip(section.path, shown, strict=False)) if pair[0] != pair[1]), None
        )
        paragraphs += section.path[common if common is not None else min(len(shown), len(section.path)) :]
        paragraphs += found
        shown = section.path
    return "\n\n".join(paragraphs)


def _new_digits(text: str, wikitext: str) -> Counter[str]:
    """Return the digit strings of a text that its wikitext hasn't, but for the 10 of a power that a template shows."""
    added = Counter({"10": text.count(POWER_OF_TEN)})
    return digit_strings(text) - digit_strings(unescape(wikitext)) - added


def _language(site: Site) -> str:
    """Return the language of a Wikipedia, which its address states; that of a folder isn't known."""
    address = _ADDRESS.match(site.base)
    return "und" if address is None else "en" if address["language"] == "simple" else address["language"]
