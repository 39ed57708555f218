"""One article: what its infoboxes state, and its sections as usable sentences and links."""

from __future__ import annotations

from typing import Final, NamedTuple

from training.synthesis.wiki.infobox import Box, read_boxes
from training.synthesis.wiki.page import Link, Page, Site
from training.synthesis.wiki.sentences import usable_sentences
from training.synthesis.wiki.wikitext import Section, parse, sections

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
    """A section of an article: its headings, its usable sentences, its links, and how many sentences were left out.

    `paragraphs`: how many of the sentences each paragraph has.
    """

    path: tuple[str, ...]
    sentences: tuple[str, ...]
    links: tuple[Link, ...]
    left_out: int
    paragraphs: tuple[int, ...] = ()

    @property
    def name(self) -> str:
        """The headings as one name; that of the lead is `lead`."""
        return " > ".join(self.path) or "lead"


class Article(NamedTuple):
    """A page that is read: its revision (the page without its text), its boxes, its sections."""

    page: Page
    box: Box
    sections: tuple[ArticleSection, ...]


def read_article(page: Page, site: Site) -> Article:
    """Return a page as an article. Raises `ValueError` for wikitext that can't be parsed."""
    code = parse(page.text)
    found = tuple(_section(each) for each in sections(code, site))
    kept = tuple(each for each in found if each.sentences or each.links)
    return Article(page._replace(text=""), read_boxes(code, site), kept)


def _section(section: Section) -> ArticleSection:
    if section.path and section.path[0].strip().lower() in _NO_PROSE:
        return ArticleSection(section.path, (), (), 0)
    sentences = usable_sentences(section.text)
    return ArticleSection(section.path, sentences.usable, section.links, sentences.left_out, sentences.paragraphs)
