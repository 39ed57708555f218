"""Wikitext as text: sections of paragraphs, without references, tables, images and what can't be shown."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any, Final, NamedTuple

from training.synthesis.wiki.page import Link, Site
from training.synthesis.wiki.templates import BREAK, OPAQUE, POWER, SEAM, SPOILT, shown, template_name, with_powers

LINK_OPEN, LINK_TEXT, LINK_CLOSE = "\ue001", "\ue002", "\ue003"
"""Around a link in rendered text: its number in `Rendering.links`, then its text."""
_MARKER: Final = re.compile(f"{LINK_OPEN}\\d+{LINK_TEXT}|{LINK_CLOSE}")
_PRIVATE: Final = re.compile(f"[{SEAM}{LINK_OPEN}{LINK_TEXT}{LINK_CLOSE}{SPOILT}{POWER}]")


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_DROPPED: Final = _words(
    "ref references table gallery s strike del syntaxhighlight source pre timeline imagemap score graph mapframe "
    "maplink templatestyles style section indicator includeonly hiero categorytree inputbox"
)
"""Tags whose content is no running text; struck-out text is withdrawn."""
_SHOWN_OPAQUE: Final = frozenset({"math", "chem", "ce"})
_BLOCKS: Final = _words("div p blockquote poem li ul ol dl dd dt center hr td th tr")
_QUOTES: Final = re.compile(r"'{2,5}")
_BEHAVIOUR: Final = re.compile(r"__[A-Z]{3,}__")
_UNCLOSED: Final = re.compile(r"\{\{|\{\||<!--|<ref\b", re.IGNORECASE)
_BROKEN: Final = re.compile(r"\}\}|\[\[|\]\]|\|\}|</?[A-Za-z][^<>\n]{0,200}>")


class Section(NamedTuple):
    """A section: its headings from the outermost, its rendered text, and the links in it."""

    path: tuple[str, ...]
    text: str
    links: tuple[Link, ...]


class Rendering:
    """Renders the nodes of one text; `links` are those it met, numbered as in the markers."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self.links: list[Link] = []

    def text(self, nodes: Sequence[Any]) -> str:
        """Return nodes as text, with seams between them, link markers, and `OPAQUE` for what can't be shown."""
        return SEAM.join(map(self._node, nodes))

    def _node(self, node: Any) -> str:
        kind = type(node).__name__
        if kind == "Text":
            return _plain(str(node))
        if kind == "HTMLEntity":
            return self._entity(node)
        if kind == "Wikilink":
            return self._link(node)
        if kind == "Template":
            return shown(template_name(str(node.name)), lambda: self._arguments(node))
        if kind == "Tag":
            return self._tag(node)
        if kind == "ExternalLink":
            return self.text(node.title.nodes) if node.title is not None else ""
        if kind == "Comment":
            return ""
        return OPAQUE  # Argument, Heading inside of something, and whatever a later version knows

    @staticmethod
    def _entity(node: Any) -> str:
        try:
            char = str(node.normalize())
        except (ValueError, KeyError, OverflowError):
            return OPAQUE
        return " " if char in ("\xa0", "\u2009", "\u200a", "\u202f") else _PRIVATE.sub("", char)

    def _arguments(self, node: Any) -> tuple[list[str], dict[str, str]]:
        given, named = [], {}
        for parameter in node.params:
            value = self.text(parameter.value.nodes)
            if parameter.showkey:
                named[str(parameter.name).strip()] = value
            else:
                given.append(value)
        # {{nowrap|1=text}} is {{nowrap|text}}
        while str(len(given) + 1) in named:
            given.append(named.pop(str(len(given) + 1)))
        return given, named

    def _link(self, node: Any) -> str:
        link = self._site.link(str(node.title))
        own = str(node.title).strip()
        if not link.title and not own.startswith("#"):
            return self.text(node.text.nodes) if own.startswith(":") and node.text is not None else ""
        text = self.text(node.text.nodes) if node.text is not None else _plain(own.lstrip(":"))
        self.links.append(link)
        return f"{LINK_OPEN}{len(self.links) - 1}{LINK_TEXT}{text}{LINK_CLOSE}"

    def _tag(self, node: Any) -> str:
        tag = str(node.tag).strip().lower()
        if tag in _SHOWN_OPAQUE:
            return OPAQUE
        if tag == "br":
            return "\n"
        if node.wiki_markup and tag in _BLOCKS:
            return BREAK
        if tag in _DROPPED or node.contents is None:
            return BREAK if tag in ("table", "gallery") else ""
        text = self.text(node.contents.nodes)
        if tag == "sup" and re.match(r"[\d+−-]", _MARKER.sub("", text)):
            return f"^{text}"
        return f"{BREAK}{text}{BREAK}" if tag in _BLOCKS else text


def _plain(text: str) -> str:
    """Return text between other markup; what remains of broken markup is `OPAQUE`, where it isn't closed `SPOILT`."""
    text = _QUOTES.sub(SEAM, _BEHAVIOUR.sub("", _PRIVATE.sub("", text)))
    return _BROKEN.sub(OPAQUE, _UNCLOSED.sub(SPOILT, text))


def parse(text: str) -> Any:
    """Return wikitext as a tree of mwparserfromhell. Raises `ValueError` for what the parser can't read."""
    import mwparserfromhell  # optional: `PageParser` says how to install it
    from mwparserfromhell.parser import ParserError

    try:
        return mwparserfromhell.parse(text, skip_style_tags=True)
    except (ParserError, RecursionError) as error:
        raise ValueError(f"wikitext that can't be parsed ({error})") from None


def sections(code: Any, site: Site) -> Iterator[Section]:
    """Yield the sections of an article in order; the lead has no heading."""
    path: list[tuple[int, str]] = []
    nodes: list[Any] = []
    for node in code.nodes:
        if type(node).__name__ != "Heading":
            nodes.append(node)
            continue
        yield _section(path, nodes, site)
        nodes = []
        heading = without_markers(Rendering(site).text(node.title.nodes))
        path = [*((level, name) for level, name in path if level < node.level), (node.level, heading)]
    yield _section(path, nodes, site)


def _section(path: list[tuple[int, str]], nodes: list[Any], site: Site) -> Section:
    rendering = Rendering(site)
    text = rendering.text(nodes)
    return Section(tuple(name for _, name in path), text, tuple(rendering.links))


def without_markers(text: str) -> str:
    """Return rendered text without seams and link markers, spaces normalised."""
    return " ".join(with_powers(_MARKER.sub("", text)).replace(SEAM, "").split())


def with_seams(text: str) -> str:
    """Return rendered text whose link markers are seams."""
    return _MARKER.sub(SEAM, text)
