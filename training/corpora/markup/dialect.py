"""Which names of elements mean what, in JATS and in HTML."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from training.corpora.markup.elements import Element, local_name

NOTHING: Final[frozenset[str]] = frozenset()


def names(text: str) -> frozenset[str]:
    """Return the names in a text."""
    return frozenset(text.split())


def _no_citation(element: Element) -> bool:
    return False


@dataclass(frozen=True)
class Dialect:
    """A vocabulary of mark-up. What stands nowhere here is transparent: its text belongs to the line around it."""

    dropped: frozenset[str]
    """Not shown, or withdrawn."""
    formatting: frozenset[str]
    """Changes how text looks, and separates nothing: `1<b>0</b>` is 10."""
    blocks: frozenset[str]
    """A paragraph, or a container of some."""
    groups: frozenset[str]
    """Its paragraphs and tables are one paragraph of several lines: a table with caption and foot notes."""
    headings: frozenset[str]
    sections: frozenset[str] = NOTHING
    """Sections in sections say how deep a heading is; where there are none, a digit in its name does."""
    items: frozenset[str] = field(default=frozenset({"li"}))
    terms: frozenset[str] = field(default=frozenset({"dt"}))
    definitions: frozenset[str] = field(default=frozenset({"dd"}))
    labels: frozenset[str] = NOTHING
    """Stands before the first line of what it is in."""
    notes: frozenset[str] = NOTHING
    """Foot notes in a line, which follow as paragraphs."""
    line_breaks: frozenset[str] = field(default=frozenset({"br"}))
    is_citation: Callable[[Element], bool] = _no_citation
    is_dropped: Callable[[Element], bool] = _no_citation
    """Whether an element is dropped for what it says of itself, such as `hidden`."""

    def drops(self, element: Element) -> bool:
        """Whether an element is not shown."""
        return local_name(element) in self.dropped or self.is_dropped(element)
