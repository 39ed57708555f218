"""From the pages of a wiki to its medical articles, its redirects and its disambiguation pages."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, NamedTuple, Protocol

from training.synthesis.graph.sources import Problems
from training.synthesis.wiki.article import Article
from training.synthesis.wiki.article_folder import ArticleFolder
from training.synthesis.wiki.infobox import may_have_box
from training.synthesis.wiki.page import Page, Site, display_name
from training.synthesis.wiki.page_parser import PageParser
from training.synthesis.wiki.redirects import Redirects, redirect_of
from training.synthesis.wiki.xml_dump import XmlDump

_DISAMBIGUATION: Final = re.compile(
    r"__DISAMBIG__|\{\{\s*+(?:template:)?(?:[\w -]{0,60}disambig(?:uation)?(?:[ -][\w -]{0,60})?|dab|disamb|hndis|"
    r"geodis|mathdab|numberdis|letter-numbercombdisambig|sia|set index article|surname|given name)\s*(?:\||\}\})",
    re.IGNORECASE,
)


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
    with PageParser() as parser:
        for page in source.pages(problems):
            counts["pages"] += 1
            title = source.site.title(page.title)
            if page.redirect:
                redirects.add(redirect_of(page, source.site))
                counts["redirects"] += 1
            elif is_disambiguation(page):
                disambiguations.add(title)
                counts["disambiguation pages"] += 1
            elif isinstance(source, ArticleFolder) or may_have_box(page.text) or is_known(display_name(title)):
                article = _read(parser, page._replace(title=title), source, problems)
                articles += [] if article is None else [article]
            else:
                counts["not medical"] += 1
    counts["articles"] = len(articles)
    return Collection(
        source.site, tuple(articles), redirects, frozenset(disambiguations), counts | source.counts, source.sha256
    )


def is_disambiguation(page: Page) -> bool:
    """Whether a page only lists articles of the same name."""
    return page.title.lower().endswith("(disambiguation)") or bool(_DISAMBIGUATION.search(page.text))


def _read(parser: PageParser, page: Page, source: Pages, problems: Problems) -> Article | None:
    try:
        return parser.read(page, source.site)
    except ValueError as error:
        path = source.path / page.title if source.path.is_dir() else source.path
        problems.add(path, page.line, f"page {page.title[:80]!r}: {error}")
        return None
