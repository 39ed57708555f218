"""Redirects of a wiki, kept on disk while the pages are read: of millions only a few concern medical articles."""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Iterator
from typing import Final, NamedTuple

from training.synthesis.wiki.page import Page, Site

_LOOSE: Final = re.compile(
    r"\{\{\s*r (?:from|to|with) (?:(?:a )?(?:sub|related|other|section|anchor|list|part|antonym|opposite|member|person|"
    r"work|book|film|song|product|merge|ambiguous|disambiguation|template|category|decade|year|without mention|"
    r"possibilit|incomplete|incorrect|misspell|typo|unnecessary|sort)|drug|brand|symptom|cause|gene|brand name)",
    re.IGNORECASE,
)
"""Categories of redirects whose titles aren't another name of the page that they lead to."""
_FIRST_LINK: Final = re.compile(r"\[\[([^\]|]+)")
_MOST_STEPS: Final = 4


class Redirect(NamedTuple):
    """A title that leads to another; `loose`: to a part of it or to something related, so it is no synonym."""

    title: str
    target: str
    loose: bool


def redirect_of(page: Page, site: Site) -> Redirect:
    """Return the redirect that a page is."""
    stated = _FIRST_LINK.search(page.text)
    link = site.link(stated[1] if stated else page.redirect)
    target = site.title(page.redirect.partition("#")[0]) or link.title
    loose = bool(link.section or "#" in page.redirect or _LOOSE.search(page.text))
    return Redirect(site.title(page.title), target, loose)


class Redirects:
    """A list of redirects in a temporary file, searched as a whole."""

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile("w+", encoding="utf-8")  # noqa: SIM115 - `close` closes it
        self.count = 0

    def add(self, redirect: Redirect) -> None:
        """Append a redirect."""
        self._file.write(json.dumps(redirect) + "\n")
        self.count += 1

    def __iter__(self) -> Iterator[Redirect]:
        self._file.seek(0)
        for line in self._file:
            yield Redirect(*json.loads(line))
        self._file.seek(0, 2)

    def to(self, titles: frozenset[str]) -> dict[str, list[str]]:
        """Return for each of these pages the titles that are other names of it, in the order of the dump."""
        found: dict[str, list[str]] = {}
        for redirect in self:
            if redirect.target in titles and not redirect.loose:
                found.setdefault(redirect.target, []).append(redirect.title)
        return found

    def of(self, titles: set[str]) -> dict[str, Redirect]:
        """Return the redirects that these titles are, and those that they lead to in turn."""
        found: dict[str, Redirect] = {}
        wanted = set(titles)
        for _ in range(_MOST_STEPS):
            new = {each.title: each for each in self if each.title in wanted}
            found |= new
            wanted = {each.target for each in new.values()} - found.keys()
            if not wanted:
                break
        return found

    def close(self) -> None:
        """Delete the file."""
        self._file.close()
