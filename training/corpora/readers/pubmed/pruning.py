"""A file without the elements that aren't read, which are two thirds of it, and without their cost to the parser."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final

_UNREAD: Final = re.compile(rb'<(AuthorList|MeshHeadingList|ChemicalList|PubmedData)(?: [A-Za-z]+="[A-Za-z0-9 ]*")*>')
"""None of them can stand in itself, so that the first end tag is the right one."""
_ENDS: Final = {name: b"</%s>" % name for name in (b"AuthorList", b"MeshHeadingList", b"ChemicalList", b"PubmedData")}
_LONGEST_TAG: Final = 256
_LARGEST: Final = 64 << 20


def pruned(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Yield XML in which the lists of authors, headings, substances and references are replaced by their line ends.

    Only for XML without comments, processing instructions and CDATA sections, where "<" begins a tag and nothing else.
    An element that does not end before its citation does is kept, so that the parser sees the fault.
    """
    kept = b""
    for chunk in chunks:
        buffer = kept + chunk
        parts, place = [], 0
        while (found := _UNREAD.search(buffer, place)) is not None:
            end = buffer.find(_ENDS[found[1]], found.end())
            if (
                end < 0
                and len(buffer) - found.start() < _LARGEST
                and not _citation_ends(buffer, found.end(), len(buffer))
            ):
                break
            parts.append(buffer[place : found.start()])
            if end < 0 or _citation_ends(buffer, found.end(), end):
                parts.append(found[0])
                place = found.end()
            else:
                place = end + len(_ENDS[found[1]])
                parts.append(b"\n" * buffer.count(b"\n", found.start(), place))
        rest = found.start() if found is not None else max(place, len(buffer) - _LONGEST_TAG)
        parts.append(buffer[place:rest])
        kept = buffer[rest:]
        yield b"".join(parts)
    yield kept


def _citation_ends(buffer: bytes, start: int, end: int) -> bool:
    return buffer.find(b"PubmedArticle", start, end) >= 0
