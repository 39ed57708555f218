"""Web pages that proxies, gateways and hubs return where a program expects data: one line instead of the page."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import Final

_PAGE: Final = re.compile(r"<!doctype\s+html|<html[\s>]|<head[\s>]|<body[\s>]", re.IGNORECASE)
_NOT_SHOWN: Final = frozenset({"script", "style", "noscript", "template", "svg"})
_LONGEST: Final = 200
_MOST_READ: Final = 1 << 16


class _Words(HTMLParser):
    """Collects the title, the first heading and the text of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.words: dict[str, list[str]] = {"title": [], "h1": [], "": []}
        self._inside: list[str] = []
        self._hidden = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._hidden += tag in _NOT_SHOWN
        if tag in ("title", "h1"):
            self._inside.append(tag)

    def handle_endtag(self, tag: str) -> None:
        self._hidden = max(0, self._hidden - (tag in _NOT_SHOWN))
        if self._inside and self._inside[-1] == tag:
            self._inside.pop()

    def handle_data(self, data: str) -> None:
        if not self._hidden and data.strip():
            self.words[self._inside[-1] if self._inside else ""].append(data.strip())


def page_title(text: str) -> str | None:
    """Return what a web page says in one line: its title, else its heading, else its text; None for any other text."""
    found = _PAGE.search(text[:_MOST_READ])
    if found is None:
        return None
    page = _Words()
    page.feed(text[found.start() : _MOST_READ])
    page.close()
    line = next((" ".join(" ".join(words).split()) for words in page.words.values() if words), "")
    return f"a web page: {line[:_LONGEST]}" if line else "a web page without text"


def without_page(text: str) -> str:
    """Return a text with the web page at its end, if there is one, replaced by the page's title."""
    found = _PAGE.search(text)
    return text if found is None else text[: found.start()] + str(page_title(text[found.start() :]))
