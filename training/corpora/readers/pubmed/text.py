"""The texts of a citation, with what they were made from for the digit guard."""

from __future__ import annotations

from typing import Final

from training.corpora.digits import changed_digits
from training.corpora.markup.dialect import Dialect, names
from training.corpora.markup.elements import Element, of_bounded_depth, own_text
from training.corpora.markup.inline import Piece, Placement, join, normalised
from training.corpora.markup.math import is_math, math_pieces
from training.corpora.markup.source_text import source_text

_FORMATTING: Final = names("b i u")
_DIALECT: Final = Dialect(
    dropped=names("annotation annotation-xml mphantom"),
    formatting=_FORMATTING,
    blocks=names(""),
    groups=names(""),
    headings=names(""),
)
_SHIFTED: Final = {"sup": Placement.RAISED, "sub": Placement.LOWERED}


class GuardedText:
    """Paragraphs and titles of one document. `note_marks`: how many marks of foot notes behind numbers were removed."""

    def __init__(self) -> None:
        self.paragraphs: list[str] = []
        self.note_marks = 0
        self.licence = ""
        self._sources: list[str | Element] = []

    def add_paragraph(self, element: Element, label: str = "") -> None:
        """Add an element as a paragraph behind its label; an empty one leaves no label."""
        text = self.line(element)
        if not text:
            return
        if label:
            self._sources.append(label)
            text = f"{label}{' ' if label[-1] in ':.?!' else ': '}{text}"
        self.paragraphs.append(text)

    def line(self, element: Element) -> str:
        """Return an element's text as one line. Raises `UnreadableError` for an entity that isn't known."""
        if len(element):
            self._sources.append(element)
            line = join(_pieces(element))
            self.note_marks += line.note_marks
            return normalised(line.text)
        text: str = element.text or ""
        self._sources.append(text)
        return normalised(text)

    def changed_digits(self, text: str) -> str | None:
        """Return how the digit strings of a text differ from those of all elements that were read, or None."""
        # In one text of thousands a number is formatted in part, `1<b>0</b>`; only then the slower reading counts.
        quick = (each if isinstance(each, str) else " ".join(each.itertext()) for each in self._sources)
        if changed_digits("\n".join(quick), text) is None:
            return None
        exact = (each if isinstance(each, str) else source_text([each], _DIALECT) for each in self._sources)
        return changed_digits("\n".join(exact), text)


def _pieces(element: Element) -> list[Piece]:
    """Return the content of an element; unlike other sources, PubMed has no paragraphs, lists or tables in a text."""
    pieces: list[Piece] = []
    _collect(element, pieces)
    return pieces


def _collect(element: Element, pieces: list[Piece]) -> None:
    if element.text:
        pieces.append(Piece(Placement.PLAIN, element.text))
    for child in element:
        tag = child.tag
        if tag in _SHIFTED:
            pieces.append(Piece(_SHIFTED[tag], join(_pieces(child)).text if len(child) else child.text or ""))
        elif tag in _FORMATTING:
            _collect(child, pieces)
        elif not isinstance(tag, str):
            pieces.append(Piece(Placement.PLAIN, own_text(child)))
        elif is_math(child):
            pieces += math_pieces(of_bounded_depth(child))
        else:
            _collect(child, pieces)
        tail = child.tail
        if tail:
            pieces.append(Piece(Placement.PLAIN, tail))
