"""Trees of XML and HTML, read without anything that they refer to, and bounded in size and depth."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from html.entities import html5
from typing import Any, Final, TypeAlias

from evalsuite.errors import DataError, ErrorCode
from evalsuite.util.installation import install_command

Element: TypeAlias = Any
"""An element of lxml, which states no types."""
LARGEST: Final = 64 << 20
"""Bytes of the largest file that is read as one tree."""

DEEPEST: Final = 100
"""How deep elements may stand in one another; articles come to 25."""
_TOO_DEEP: Final = "(/" + "/".join("*" * (DEEPEST + 1)) + ")[1]"


class UnreadableError(ValueError):
    """A text that can't be read as XML or HTML; `line`: where, counted from 1."""

    def __init__(self, reason: str, line: int) -> None:
        super().__init__(reason)
        self.line = line


def parse_xml(content: bytes) -> Element:
    """Return the root of an XML document. Raises `UnreadableError`.

    A document type is not loaded, and one that declares entities is refused: they can stand for files, or for more
    text than fits into memory. Named characters of HTML are shown.
    """
    etree, _ = _lxml()
    if len(content) > LARGEST:
        raise UnreadableError(f"larger than {LARGEST:,} bytes", 1)
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, remove_comments=True, remove_pis=True
    )
    try:
        root = etree.fromstring(content, parser)
    except etree.XMLSyntaxError as error:
        raise UnreadableError(f"not well-formed XML ({error.msg})", error.lineno or 1) from None
    declared = root.getroottree().docinfo.internalDTD
    if declared is not None and next(declared.iterentities(), None) is not None:
        raise UnreadableError("XML that declares entities", 1)
    return of_bounded_depth(root)


def parse_html(content: bytes | str) -> Element:
    """Return the root of an HTML document. Raises `UnreadableError`."""
    etree, html = _lxml()
    if len(content) > LARGEST:
        raise UnreadableError(f"larger than {LARGEST:,} bytes", 1)
    encoding = None if isinstance(content, str) else html_encoding(content)
    parser = html.HTMLParser(no_network=True, remove_comments=True, remove_pis=True, encoding=encoding)
    try:
        root = html.document_fromstring(content, parser=parser)
    except (etree.ParserError, etree.XMLSyntaxError, ValueError) as error:
        raise UnreadableError(f"no HTML ({error})", 1) from None
    return of_bounded_depth(root)


def of_bounded_depth(root: Element) -> Element:
    """Return an element of a tree in which none is too deep. Raises `UnreadableError`."""
    for element in root.xpath(_TOO_DEEP):
        raise UnreadableError(f"elements in one another, more than {DEEPEST} deep", element.sourceline or 1)
    return root


def _lxml() -> tuple[Any, Any]:
    try:
        from lxml import etree, html
    except ImportError:
        message = f"reading XML and HTML needs the package lxml: {install_command('corpora')}"
        raise DataError(ErrorCode.MISSING_PACKAGE, message) from None
    return etree, html


def html_encoding(content: bytes) -> str | None:
    """Return UTF-8 where the content is that, else None: what it states then counts."""
    try:
        content.decode("utf-8")
    except UnicodeDecodeError:
        return None
    return "utf-8"


def local_name(element: Element) -> str:
    """Return an element's name without its namespace, in lower case; empty for what is no element."""
    tag = element.tag
    return tag.rpartition("}")[2].lower() if isinstance(tag, str) else ""


def element_children(element: Element, names: Collection[str] = ()) -> Iterator[Element]:
    """Yield the elements directly in another, of some names or of all."""
    for child in element:
        name = local_name(child)
        if name and (not names or name in names):
            yield child


def own_text(node: Element) -> str:
    """Return the text before a node's first child: for an entity the character that it names.

    Raises `UnreadableError` for an entity that HTML doesn't know.
    """
    if isinstance(node.tag, str):
        return node.text or ""
    name = getattr(node, "name", None)
    if name is None:
        return ""  # a comment or a processing instruction
    if f"{name};" not in html5:
        raise UnreadableError(f"an entity that isn't known (&{name[:40]};)", node.sourceline or 1)
    return html5[f"{name};"]
