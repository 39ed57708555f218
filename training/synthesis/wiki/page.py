"""A page of a wiki as its dump states it, and how titles are written."""

from __future__ import annotations

import re
from typing import Final, NamedTuple

DEFAULT_NAMESPACES: Final = frozenset(
    re.findall(
        r"\w+",
        "media special talk user wikipedia project file image mediawiki template help category portal draft module "
        "book timedtext gadget topic wp h t cat",
    )
)
"""Prefixes of titles that are no articles, in lower case; a dump adds those of its language."""
_SPACES: Final = re.compile(r"[\s_\u00a0\u200e\u200f]+")
_QUALIFIER: Final = re.compile(r" \([^()]*\)\Z")
_ESCAPED: Final = str.maketrans({char: f"%{ord(char):02X}" for char in "%:|;\t\r\n"} | {" ": "_"})


class Page(NamedTuple):
    """The latest revision of an article. `line`: where it begins in the dump; `redirect`: the title it leads to."""

    title: str
    page_id: str
    revision: str
    timestamp: str
    redirect: str
    text: str
    line: int


class Site(NamedTuple):
    """Which wiki it is. `prefix` names its pages' ids, `namespaces` are prefixes of titles that are no articles."""

    name: str = ""
    prefix: str = "wiki"
    base: str = ""
    namespaces: frozenset[str] = DEFAULT_NAMESPACES
    first_letter: bool = True
    """Whether the first letter of a title has no case."""

    def title(self, text: str) -> str:
        """Return a title as the wiki writes it; empty if the text can't be one."""
        plain = _SPACES.sub(" ", text).strip().lstrip(":").strip()
        return plain[:1].upper() + plain[1:] if self.first_letter else plain

    def link(self, text: str) -> Link:
        """Return what a link leads to; the title is empty where that is no article of this wiki."""
        target, _, section = text.partition("#")
        before, colon, rest = target.strip().lstrip(":").partition(":")
        prefix = _SPACES.sub(" ", before).strip().lower()
        if colon and (prefix in self.namespaces or (rest[:1].strip() and _is_interwiki(prefix))):
            return Link("", "")
        return Link(self.title(target), section.strip())

    def node_id(self, title: str) -> str:
        """Return the id of a page's node."""
        return f"{self.prefix}:{title.translate(_ESCAPED)}"


class Link(NamedTuple):
    """The target of a link: a title, and a section of it or nothing."""

    title: str
    section: str


def _is_interwiki(prefix: str) -> bool:
    """Whether a prefix leads to another wiki: a code of a language, or the name of a sister project."""
    return bool(re.fullmatch(r"[a-z]{2,3}(-[a-z]{2,10})?|wikt|wiktionary|wikibooks|wikisource|species|commons", prefix))


def display_name(title: str) -> str:
    """Return a title without the qualifier that tells it from others of the same name: `Cold (disease)` is `Cold`."""
    return _QUALIFIER.sub("", title) or title
