"""Raised, lowered and cited text in a line: `10<sup>9</sup>/L` is 10^9/L, `CO<sub>2</sub>` is CO2, never 109."""

from __future__ import annotations

import re
from collections.abc import Sequence
from enum import Enum
from typing import Final, NamedTuple

LINE_BREAK: Final = "\ue010"
"""Stands for a line break that is shown, until white space has been normalised."""
_MARK: Final = re.compile(r"[A-Za-z*†‡§¶‖#](?:\s*+(?:[,;]\s*+)?[A-Za-z*†‡§¶‖#])*+")
_ALLELE: Final = re.compile(r"\*\d[\w:]*|\*(?=\d)")
_GENE: Final = re.compile(r"[A-Z][A-Z0-9-]*\Z")
_ORDINAL: Final = frozenset({"st", "nd", "rd", "th"})
_DEGREE: Final = frozenset("oOº°˚∘◦○")
_TRADEMARK: Final = {"TM": "™", "tm": "™"} | {each: each for each in "®™©℠"}
_SEPARATOR: Final = re.compile(r"[\s,;–—-]+")
_SPACED_SEPARATOR: Final = re.compile(r"\s*([,;–—-])\s*")
_FRACTION_BAR: Final = re.compile(r"\s*[/⁄∕]\s*")
_VARIABLE_POWER: Final = re.compile(r"(?<![\d.,])(?:2|10)\Z")
_CITATION: Final = re.compile(r"[\d\s,;–—-]+")
_UNICODE_RAISED: Final = re.compile(r"[⁰¹²³⁴-ⁿ]+")
_TAIL: Final = 80
"""Characters of a line's end that decide what a raised text is."""
_INVISIBLE: Final = re.compile("[\u00ad\u200b\u200c\u200d\u2060\ufeff]")


class Placement(Enum):
    """How a piece of text stands in its line."""

    PLAIN = "plain"
    RAISED = "raised"
    LOWERED = "lowered"
    CITED = "cited"
    """The mark of a citation, in line or raised."""


class Piece(NamedTuple):
    """A run of text that stands in one way."""

    kind: Placement
    text: str


class JoinedText(NamedTuple):
    """Pieces as one text; `note_marks`: how many marks of foot notes behind numbers were removed."""

    text: str
    note_marks: int


def join(pieces: Sequence[Piece]) -> JoinedText:
    """Return pieces as one line of text in which no two numbers have become one.

    A raised text gets a caret, a lowered one stays in line, a raised 1 before a slash and a lowered 2 are a fraction.
    A raised letter or asterisk behind a number is the mark of a foot note: removed and counted, as "20a mg" and
    "20^a mg" both say something else. The mark of a citation stands in brackets.
    """
    joiner = _Joiner(merged(pieces))
    return JoinedText(joiner.result(), joiner.note_marks)


def is_note_mark(text: str) -> bool:
    """Whether a text could be the mark of a foot note: a letter, an asterisk, or several."""
    return bool(_MARK.fullmatch(text.strip()))


def merged(pieces: Sequence[Piece]) -> list[Piece]:
    """Return pieces with neighbours of plain text as one, and without empty ones of that kind."""
    found: list[Piece] = []
    for piece in pieces:
        if found and piece.kind is found[-1].kind is Placement.PLAIN:
            found[-1] = Piece(Placement.PLAIN, found[-1].text + piece.text)
        elif piece.text or piece.kind is not Placement.PLAIN:
            found.append(piece)
    return found


def normalised(text: str) -> str:
    """Return text with single spaces, without what is invisible; line breaks stand as line feeds."""
    if text.isascii() and text.isprintable() and "  " not in text:
        return text.strip()  # most texts are like this; looking for it is much faster than splitting them
    lines = (" ".join(_INVISIBLE.sub("", line).split()) for line in text.split(LINE_BREAK))
    return "\n".join(line for line in lines if line)


class _Joiner:
    def __init__(self, pieces: list[Piece]) -> None:
        self._pieces = pieces
        self._text = ""
        self._has_citations = any(piece.kind is Placement.CITED for piece in pieces)
        self._open_brackets = 0
        self._numeric_end = False
        """Whether the text ends with a raised or lowered digit, which a digit must not follow."""
        self.note_marks = 0

    def result(self) -> str:
        place = 0
        while place < len(self._pieces):
            place += self._take(place)
        return self._text

    def _take(self, place: int) -> int:
        """Append the pieces at a place; returns how many."""
        kind, text = self._pieces[place]
        if kind is Placement.PLAIN:
            self._append(text)
            return 1
        if not text.strip():
            self._append(" " if text else "", True)
            return 1
        stripped = normalised(text).replace("\n", " ")
        below = self._denominator(place, stripped) if kind is Placement.RAISED else None
        if below is not None:
            self._append(f" {stripped}/{below}" if self._text[-1:].isdigit() else f"{stripped}/{below}", True)
            return 3
        if kind is Placement.CITED:
            self._cite(stripped)
        elif kind is Placement.RAISED:
            self._raise(place, stripped)
        else:
            fused = self._text[-1:].isdigit() and stripped[0].isdigit()
            self._append(f"_{stripped}" if fused else stripped, True)
        return 1

    def _append(self, text: str, special: bool = False) -> None:
        if self._numeric_end and text[:1].isdigit():
            self._text += " "
        self._text += text
        if self._has_citations:
            opened = text.count("[") + text.count("(") - text.count("]") - text.count(")")
            self._open_brackets = max(0, self._open_brackets + opened)
        self._numeric_end = special and self._text[-1:].isdigit()

    def _denominator(self, place: int, above: str) -> str | None:
        """Return what stands below the bar of a fraction that begins at a place: `5<sup>1</sup>/<sub>2</sub>`."""
        following = self._pieces[place + 1 : place + 3]
        if len(following) < 2 or not above.isdecimal() or not _FRACTION_BAR.fullmatch(following[0].text):
            return None
        below = following[1].text.strip()
        return below if following[1].kind is Placement.LOWERED and below.isdecimal() else None

    def _raise(self, place: int, text: str) -> None:
        before = self._text[-_TAIL:].rstrip()
        number = before[-1:].isdigit() or before[-1:] == "%"
        if number and text.lower() in _ORDINAL:
            self._append(text, True)
        elif _GENE.search(before) and _ALLELE.match(text + self._following(place)):
            self._append(text)  # CYP2C19*2, HLA-B*57:01: the asterisk is part of the name
        elif number and text in _DEGREE:
            self._append("°")
        elif not before and _MARK.fullmatch(text):
            self._append(f"{text} ")  # a foot note begins with its mark
        elif text in _TRADEMARK:
            self._append(_TRADEMARK[text])
        elif number and _MARK.fullmatch(text) and not (text in "knmxy" and _VARIABLE_POWER.search(before)):
            self.note_marks += 1
            self._numeric_end = number  # "20" and what stands behind the mark are two numbers
        elif _UNICODE_RAISED.fullmatch(text) or (_SEPARATOR.fullmatch(text) and self._is_citation(place - 1)):
            self._append(text)
        else:
            self._append(f"^({text})" if " " in text else f"^{text}", True)

    def _following(self, place: int) -> str:
        """Return the first character of plain text behind a piece."""
        following = self._pieces[place + 1 : place + 2]
        return following[0].text[:1] if following and following[0].kind is Placement.PLAIN else ""

    def _is_citation(self, place: int) -> bool:
        return place >= 0 and self._pieces[place].kind is Placement.CITED

    def _cite(self, text: str) -> None:
        """Append a citation's mark, in brackets unless it is words or stands in brackets already."""
        as_it_is = self._open_brackets or not _CITATION.fullmatch(text)
        if not as_it_is:
            text = "[" + _SPACED_SEPARATOR.sub(r"\1", text) + "]"
        elif self._text[-1:].isdigit() and text[0].isdigit():
            text = f"; {text}"
        self._append(text, True)
