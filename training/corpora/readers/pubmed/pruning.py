"""A file without the elements that aren't read, which are two thirds of it, and without their cost to the parser."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final

_UNREAD: Final = (b"PubmedData", b"AuthorList", b"MeshHeadingList", b"ChemicalList")
"""None of them can stand in itself, so that the first end tag is the right one."""
_START_TAG: Final = re.compile(rb'<(?:%s)(?: [A-Za-z]+="[A-Za-z0-9 ]*")*>' % b"|".join(_UNREAD))
_CITATION_END: Final = b"</PubmedArticle>"
_LARGEST: Final = 16 << 20


def pruned(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Yield XML in which the lists of authors, headings, substances and references are replaced by their line ends.

    Only for XML without comments, processing instructions and CDATA sections, where "<" begins a tag and nothing else.
    An element that does not end before its citation does is kept, so that the parser sees the fault.
    """
    kept = b""
    for chunk in chunks:
        buffer = kept + chunk
        end = buffer.rfind(_CITATION_END, max(0, len(kept) - len(_CITATION_END)))
        if end < 0:
            end = len(buffer) if len(buffer) > _LARGEST else 0
        part, kept = buffer[:end], buffer[end:]
        for name in _UNREAD:
            part = _without(part, b"<" + name, b"</" + name + b">")
        yield part
    yield kept


def _without(part: bytes, opening: bytes, closing: bytes) -> bytes:
    pieces = []
    place = 0
    while (start := part.find(opening, place)) >= 0 and (end := part.find(closing, start)) >= 0:
        if _START_TAG.match(part, start) and part.find(b"PubmedArticle", start, end) < 0:
            pieces.append(part[place:start])
            place = end + len(closing)
            pieces.append(b"\n" * part.count(b"\n", start, place))
        else:
            pieces.append(part[place : start + 1])
            place = start + 1
    pieces.append(part[place:])
    return b"".join(pieces)
