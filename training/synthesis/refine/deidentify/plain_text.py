"""A text in the form in which rules read it, and the way back to its own characters."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from training.synthesis.refine.deidentify.kinds import Identifier

_SAME: Final = str.maketrans(
    dict.fromkeys("\t\r\x0b\x0c\xa0\u1680\u202f\u205f\u3000", " ")
    | dict.fromkeys(range(0x2000, 0x200B), " ")
    | dict.fromkeys("\u2010\u2011\u2012\u2013\u2212", "-")
    | dict.fromkeys(range(0xD800, 0xE000), "\ufffd")  # lone surrogates, which the model can't read
)
_DROPPED: Final = re.compile("(?<= ) +|[\\u00ad\\u200b\\u200c\\u200d\\u2060\\ufeff]")


class PlainText:
    """A text with one kind of space and of hyphen, without double spaces and characters of no width."""

    def __init__(self, text: str) -> None:
        same = text.translate(_SAME)
        self.text = _DROPPED.sub("", same)
        self._places: list[int] | None = None
        if len(self.text) != len(text):
            dropped = {place for match in _DROPPED.finditer(same) for place in range(*match.span())}
            self._places = [place for place in range(len(text)) if place not in dropped]

    def back(self, found: Identifier) -> Identifier:
        """Return an identifier with its places in the original text."""
        if self._places is None:
            return found
        return found._replace(start=self._places[found.start], end=self._places[found.end - 1] + 1)


def parts(text: str, longest: int) -> Iterator[tuple[int, str]]:
    """Yield a text in parts of at most `longest` characters with their offsets.

    A part ends at the end of a line, of a sentence or of a word, whichever there is.
    """
    start = 0
    while len(text) - start > longest:
        cuts = (text.rfind(mark, start + longest // 2, start + longest) + len(mark) for mark in ("\n", ". ", " "))
        end = next((cut for cut in cuts if cut > start + longest // 2), start + longest)
        yield start, text[start:end]
        start = end
    yield start, text[start:]
