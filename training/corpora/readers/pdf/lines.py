"""Characters of a page as lines of text, with what is raised, lowered and struck out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any, Final, TypeAlias

from training.corpora.markup.flow import BETWEEN_CELLS
from training.corpora.markup.inline import JoinedText, Piece, Placement, join, normalised

Char: TypeAlias = dict[str, Any]
"""A character of pdfplumber: its text, its box in points from the top left, and its size."""
_GAP: Final = 0.18
"""Of the size: a wider gap between characters is a space."""
_WIDE_GAP: Final = 2.5
"""Of the size: a wider gap lies between the columns of a table without lines."""
_LIGATURES: Final = {"ﬀ": "ff", "ﬁ": "fi", "ﬂ": "fl", "ﬃ": "ffi", "ﬄ": "ffl", "ﬅ": "st", "ﬆ": "st"}


@dataclass
class TextLine:
    """A line of a page. `struck`: which of its characters have a line through them and are not part of its text."""

    chars: list[Char] = field(default_factory=list)
    struck: list[bool] = field(default_factory=list)

    @property
    def size(self) -> float:
        """The most frequent size of its characters, in points."""
        sizes = Counter(round(char["size"], 1) for char in self.chars if char["text"].strip())
        return max(sizes, key=lambda size: (sizes[size], size)) if sizes else 0.0

    @property
    def top(self) -> float:
        """The top of most of its characters."""
        return float(median(char["top"] for char in self.chars))

    @property
    def bottom(self) -> float:
        """The bottom of most of its characters."""
        return float(median(char["bottom"] for char in self.chars))

    @property
    def x1(self) -> float:
        """Where it ends."""
        return float(max(char["x1"] for char in self.chars))

    def pieces(self, with_struck: bool = False) -> list[Piece]:
        """Return the line's text by how it stands; a wide gap is the border of two cells."""
        size, found = self.size, list[Piece]()
        middle = median([_middle(char) for char in self.chars if abs(char["size"] - size) < 0.5] or [0.0])
        end: float | None = None
        for char, struck in zip(self.chars, self.struck, strict=True):
            gap = 0.0 if end is None else char["x0"] - end
            if gap > _WIDE_GAP * size:
                found.append(Piece(Placement.PLAIN, BETWEEN_CELLS))
            elif gap > _GAP * size and not char["text"].isspace():
                found.append(Piece(Placement.PLAIN, " "))
            end = char["x1"] if not char["text"].isspace() else end
            if struck and not with_struck:
                continue
            kind, text = _kind(char, size, middle), str(char["text"])
            text = _LIGATURES.get(text, text)
            if found and found[-1].kind is kind and kind is not Placement.PLAIN:
                found[-1] = Piece(kind, found[-1].text + text)
            else:
                found.append(Piece(kind, text))
        return found

    def line(self) -> JoinedText:
        """Return the line as text, with how many note marks were removed."""
        joined = join(self.pieces())
        return JoinedText(normalised(joined.text).replace("\n", " "), joined.note_marks)

    def text(self) -> str:
        """Return the line as text."""
        return self.line().text


def _middle(char: Char) -> float:
    return float(char["top"] + char["bottom"]) / 2


def _kind(char: Char, size: float, middle: float) -> Placement:
    """Return how a character stands to its line: raised and lowered ones are smaller and off its middle."""
    shift = (_middle(char) - middle) / size if size else 0.0
    if char["text"].isspace() or abs(shift) < (0.12 if char["size"] < 0.92 * size else 0.25):
        return Placement.PLAIN
    return Placement.RAISED if shift < 0 else Placement.LOWERED


def lines_of(chars: Iterable[Char], rules: Sequence[Char]) -> list[TextLine]:
    """Return characters, in the order of the page's content, as its lines. `rules`: thin lines and bars of the page."""
    found: list[TextLine] = []
    last: Char | None = None
    for char in chars:
        if last is None or not _goes_on(last, char):
            found.append(TextLine())
        line = found[-1]
        line.chars.append(char)
        line.struck.append(_is_struck(char, rules))
        last = char
    return [line for line in found if line.size]


def _goes_on(last: Char, char: Char) -> bool:
    """Whether a character stands in the line of the one before it."""
    overlap = min(last["bottom"], char["bottom"]) - max(last["top"], char["top"])
    height = min(last["bottom"] - last["top"], char["bottom"] - char["top"])
    return bool(overlap > 0.25 * height and char["x0"] > last["x0"] - 0.5 * char["size"])


def _is_struck(char: Char, rules: Sequence[Char]) -> bool:
    top, height = char["top"], char["bottom"] - char["top"]
    middle = (char["x0"] + char["x1"]) / 2
    return any(
        rule["x0"] <= middle <= rule["x1"] and 0.3 * height < _middle(rule) - top < 0.75 * height for rule in rules
    )
