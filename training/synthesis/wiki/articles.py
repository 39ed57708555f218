"""From the pages of a wiki to its medical articles, its redirects and its disambiguation pages."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, NamedTuple, Protocol

from training.synthesis.graph.sources import Problems
from training.synthesis.wiki.article_folder import ArticleFolder
from training.synthesis.wiki.infobox import Box, may_have_box, read_boxes
from training.synthesis.wiki.page import Link, Page, Site, display_name
from training.synthesis.wiki.redirects import Redirects, redirect_of
from training.synthesis.wiki.sentences import usable_sentences
from training.synthesis.wiki.wikitext import parse, sections
from training.synthesis.wiki.xml_dump import XmlDump

_DISAMBIGUATION: Final = re.compile(
    r"__DISAMBIG__|\{\{\s*(?:template:)?(?:[\w -]*disambig(?:uation)?(?:[ -][\w -]*)?|dab|disamb|hndis|geodis|mathdab|"
    r"numberdis|letter-numbercombdisambig|sia|set index article|surname|given name)\s*(?:\||\}\})",
    re.IGNORECASE,
)
_NO_PROSE: Final = {
    "references",
    "external links",
    "see also",
    "further reading",
    "notes",
    "bibliography",
    "sources",
    "footnotes",
    "citations",
    "works cited",
    "literature",
    "gallery",
}


class ArticleSection(NamedTuple):
    """A section of an article: its headings, its usable sentences, its links, and how many sentences were left out."""

    path: tuple[str, ...]
    sentences: tuple[str, ...]
    links: tuple[Link, ...]
    left_out: int

    @property
    def name(self) -> str:
        """The headings as one name; that of the lead is `lead`."""
        return " > ".join(self.path) or "lead"


class Article(NamedTuple):
    """A page that is read: its revision (the page without its text), its boxes, its sections."""

    page: Page
    box: Box
    sections: tuple[ArticleSection, ...]


class Pages(Protocol):
    """What articles come from: a dump or a folder."""

    path: Path
    site: Site
    counts: Counter[str]

    @property
    def sha256(self) -> str:
        """The checksum of the whole source, once it has been read."""

    def pages(self, problems: Problems) -> Iterator[Page]:
        """Yield the pages."""


class Collection(NamedTuple):
    """What was read of a wiki. `counts`: pages by what became of them."""

    site: Site
    articles: tuple[Article, ...]
    redirects: Redirects
    disambiguations: frozenset[str]
    counts: dict[str, int]
    sha256: str


def open_pages(path: Path) -> Pages:
    """Return a folder of articles or a dump."""
    return ArticleFolder(path) if path.is_dir() else XmlDump(path)


def collect(source: Pages, problems: Problems, is_known: Callable[[str], bool]) -> Collection:
    """Read all pages of a wiki.

    Articles are the pages with a medical infobox, those whose title `is_known`, and every page of a folder.
    """
    redirects, articles, disambiguations = Redirects(), list[Article](), set[str]()
    counts: Counter[str] = Counter()
    for page in source.pages(problems):
        counts["pages"] += 1
        title = source.site.title(page.title)
        if page.redirect:
            redirects.add(redirect_of(page, source.site))
            counts["redirects"] += 1
        elif title.lower().endswith("(disambiguation)") or _DISAMBIGUATION.search(page.text):
            disambiguations.add(title)
            counts["disambiguation pages"] += 1
        elif isinstance(source, ArticleFolder) or may_have_box(page.text) or is_known(display_name(title)):
            article = _read(page._replace(title=title), source, problems)
            if article is not None:
                articles.append(article)
        else:
            counts["not medical"] += 1
    counts["articles"] = len(articles)
    return Collection(
        source.site, tuple(articles), redirects, frozenset(disambiguations), counts | source.counts, source.sha256
    )


def _read(page: Page, source: Pages, problems: Problems) -> Article | None:
    try:
        code = parse(page.text)
        box = read_boxes(code, source.site)
        found = tuple(_section(each.path, each.text, each.links) for each in sections(code, source.site))
    except (ValueError, RecursionError) as error:
        path = source.path / page.title if source.path.is_dir() else source.path
        problems.add(path, page.line, f"page {page.title[:80]!r}: {error}")
        return None
    return Article(page._replace(text=""), box, tuple(each for each in found if each.sentences or each.links))


def _section(path: tuple[str, ...], text: str, links: tuple[Link, ...]) -> ArticleSection:
    if path and path[0].strip().lower() in _NO_PROSE:
        return ArticleSection(path, (), (), 0)
    sentences = usable_sentences(text)
    return ArticleSection(path, sentences.usable, links, sentences.left_out)
