"""The characters of a tree as the digit guard reads them: in another way than the text is made."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Final

from training.corpora.markup.dialect import Dialect
from training.corpora.markup.elements import Element, local_name, own_text
from training.corpora.markup.tables import Grid

_HOLDS_CELLS: Final = frozenset({"tr", "thead", "tbody", "tfoot"})


def source_text(elements: Iterable[Element], dialect: Dialect) -> str:
    """Return the text of elements with a break wherever an element begins or ends that is more than formatting.

    The text of a table's cell comes as often as its rows show it.
    """
    return " ".join("".join(_characters(element, dialect)) for element in elements)


def _characters(element: Element, dialect: Dialect) -> Iterator[str]:
    if isinstance(element.tag, str) and dialect.drops(element):
        return
    formatting = local_name(element) in dialect.formatting and not dialect.is_citation(element)
    separates = isinstance(element.tag, str) and not formatting
    if separates:
        yield " "
    yield own_text(element)
    if local_name(element) == "table":
        yield from _table(element, dialect)
    else:
        for child in element:
            yield from _characters(child, dialect)
            yield child.tail or ""
    if separates:
        yield " "


def _table(table: Element, dialect: Dialect) -> Iterator[str]:
    grid = Grid(table)
    cells = [cell for column in grid.header_cells() for cell in column]
    cells += [cell for row in grid.body_rows() for cell in row if cell is not None]
    for cell, times in Counter(cells).items():
        yield from ["".join(_characters(cell.element, dialect))] * times
    yield from _outside_cells(table, dialect)


def _outside_cells(part: Element, dialect: Dialect) -> Iterator[str]:
    """Yield what stands in a table but in none of its cells: its caption, and what belongs into a cell and isn't."""
    for child in part:
        name = local_name(child)
        if name in _HOLDS_CELLS:
            yield own_text(child)
            yield from _outside_cells(child, dialect)
        elif name not in ("td", "th") or local_name(part) != "tr":
            yield from _characters(child, dialect)
        yield child.tail or ""
