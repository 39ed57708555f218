"""Tables as rows of text: spanned cells stand in every row and column that they span, header rows are joined."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from training.corpora.markup.elements import Element, element_children, local_name

MOST_PLACES: Final = 200_000
"""Rows times columns of the largest table that is read; HTML allows a cell to span 65,534 rows of 1,000 columns."""
_WIDEST: Final = 1000
_GROUPS: Final = ("thead", "tbody", "tfoot")


@dataclass(eq=False)
class Cell:
    """A cell of a table; `heads`: whether it is a header cell."""

    element: Element
    heads: bool


class Grid:
    """A table with a cell, or None, at each place of its rows. Raises `ValueError` for one that is too large."""

    def __init__(self, table: Element) -> None:
        self._places = 0
        self.header: list[list[Cell | None]] = []
        self.rows: list[list[Cell | None]] = []
        groups = list(_row_groups(table))
        for kind, rows in groups:
            expanded = self._expanded(rows)
            if kind == "thead":
                self.header += expanded
            else:
                self.rows += expanded
        if not self.header:
            self._take_header()
        self.width = max((len(row) for row in self.header + self.rows), default=0)

    def _take_header(self) -> None:
        """Without a `thead` the first rows are the header where all their cells are header cells."""
        count = 0
        while count < len(self.rows) and all(cell is None or cell.heads for cell in self.rows[count]):
            count += 1
        if count < len(self.rows):
            self.header, self.rows = self.rows[:count], self.rows[count:]

    def _expanded(self, rows: Sequence[Element]) -> list[list[Cell | None]]:
        """Return the rows of one group with each cell at all places that it spans; no cell leaves its group."""
        found: list[list[Cell | None]] = []
        spanning: dict[int, tuple[Cell, int]] = {}
        for number, row in enumerate(rows):
            places: list[Cell | None] = []
            following: dict[int, tuple[Cell, int]] = {}
            for element in element_children(row, ("td", "th")):
                _fill(places, spanning, following)
                cell = Cell(element, local_name(element) == "th")
                width = min(_span(element, "colspan"), _WIDEST)
                height = min(_span(element, "rowspan") or len(rows), len(rows) - number)
                for _ in range(width or 1):
                    if height > 1:
                        following[len(places)] = (cell, height - 1)
                    places.append(cell)
            _fill(places, spanning, following, to_end=True)
            self._places += len(places)
            if self._places > MOST_PLACES:
                raise ValueError(f"a table of more than {MOST_PLACES:,} places")
            found.append(places)
            spanning = following
        return found

    def header_cells(self) -> list[list[Cell]]:
        """Return for each column the header cells above it from top to bottom, each once."""
        columns = [[row[column] for row in self.header if column < len(row)] for column in range(self.width)]
        return [[cell for cell in dict.fromkeys(column) if cell is not None] for column in columns]

    def body_rows(self) -> list[list[Cell | None]]:
        """Return the rows below the header; one whose only cell spans all columns, a heading of rows, has it once."""
        return [row[:1] if len(row) == self.width and len(set(row)) == 1 else row for row in self.rows]


def _fill(
    places: list[Cell | None],
    spanning: dict[int, tuple[Cell, int]],
    following: dict[int, tuple[Cell, int]],
    to_end: bool = False,
) -> None:
    """Continue the cells of the rows above at the next places."""
    last = max(spanning, default=-1)
    while len(places) in spanning or (to_end and len(places) <= last):
        above = spanning.get(len(places))
        if above is not None and above[1] > 1:
            following[len(places)] = (above[0], above[1] - 1)
        places.append(above[0] if above else None)


def _span(element: Element, name: str) -> int:
    """Return how many rows or columns a cell spans; 0 rows are all that follow, and what is no number is 1."""
    value = (element.get(name) or "1").strip()
    return int(value) if value.isdecimal() and len(value) < 6 else 1


def _row_groups(table: Element) -> Iterator[tuple[str, list[Element]]]:
    """Yield the groups of rows with the foot last; rows outside of a group are a body."""
    loose: list[Element] = []
    feet: list[tuple[str, list[Element]]] = []
    for child in element_children(table):
        name = local_name(child)
        if name == "tr":
            loose.append(child)
        elif name in _GROUPS:
            if loose:
                yield "tbody", loose
                loose = []
            group = (name, list(element_children(child, ("tr",))))
            if name == "tfoot":
                feet.append(group)
            else:
                yield group
    if loose:
        yield "tbody", loose
    yield from feet
