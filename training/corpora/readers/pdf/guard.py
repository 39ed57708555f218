"""The digit guard of PDF: the characters as another program extracts them, and the text against the characters."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from training.corpora.digits import changed_digits, digit_strings
from training.corpora.markup.inline import Placement
from training.corpora.readers.pdf.lines import TextLine
from training.corpora.readers.pdf.pages import PdfText


def changed_numbers(text: PdfText, shown: str, second_extraction: str) -> str | None:
    """Return how the numbers of a text differ from those of its document, or None if they are the same.

    First the lines against a second extraction, in which a raised or lowered number may have become one with the
    number before it; then the text against the lines, without what is struck out or repeated on many pages.
    """
    lines = [line for line, _ in text.lines()] + text.removed
    changed = _against(lines, second_extraction)
    if changed is not None:
        return f"two extractions differ: {changed}"
    parts = [_apart(line) for line, times in text.lines() for _ in range(times)]
    return changed_digits(" ".join(parts), shown)


def _against(lines: Iterable[TextLine], second: str) -> str | None:
    other = digit_strings(second)
    pairs = [(digit_strings(_apart(line, with_struck=True)), digit_strings(_fused(line))) for line in lines]
    total = sum((apart for apart, _ in pairs), Counter[str]())
    for apart, fused in pairs:
        new = fused - apart
        if new and all(other[digits] - total[digits] >= count for digits, count in new.items()):
            total = total - (apart - fused) + new
    lost, found = total - other, other - total
    parts = [f"{name} {', '.join(list(digits)[:8])}" for name, digits in (("lost", lost), ("new", found)) if digits]
    return "; ".join(parts) or None


def _apart(line: TextLine, with_struck: bool = False) -> str:
    pieces = line.pieces(with_struck)
    return "".join(piece.text if piece.kind is Placement.PLAIN else f" {piece.text} " for piece in pieces)


def _fused(line: TextLine) -> str:
    return "".join(piece.text for piece in line.pieces(with_struck=True))
