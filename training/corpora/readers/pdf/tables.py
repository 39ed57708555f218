"""Ruled tables of a page: spanned cells stand in every row and column that they span."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple, TypeAlias

Box: TypeAlias = tuple[float, float, float, float]
"""Left, top, right, bottom in points from the top left of the page."""


class RuledTable:
    """A table by the boxes of its cells. `boxes`: each cell once, by rows."""

    def __init__(self, boxes: Iterable[Box]) -> None:
        self.boxes = sorted(boxes, key=lambda box: (box[1], box[0]))
        columns = _edges([box[0] for box in self.boxes])
        rows = _edges([box[1] for box in self.boxes])
        self.left, self.right = columns[0], max(box[2] for box in self.boxes)
        bottom = max(box[3] for box in self.boxes)
        self.grid = [
            [
                self._at((x + after) / 2, (y + below) / 2)
                for x, after in zip(columns, [*columns[1:], self.right], strict=True)
            ]
            for y, below in zip(rows, [*rows[1:], bottom], strict=True)
        ]

    def _at(self, x: float, y: float) -> int | None:
        """Return which cell covers a point."""
        inside = (n for n, box in enumerate(self.boxes) if box[0] <= x <= box[2] and box[1] <= y <= box[3])
        return next(inside, None)

    @property
    def is_table(self) -> bool:
        """Whether it has rows and columns; a frame around a paragraph has one of either."""
        return len(self.grid) > 1 and len(self.grid[0]) > 1

    def rows(self, texts: Sequence[str]) -> Rows:
        """Return the rows with the texts of the cells, and how often each cell stands in them.

        Where a cell of the first row spans rows or columns, the rows that it covers are a header and become one.
        """
        depth = self._header_depth()
        columns = [
            [cell for cell in dict.fromkeys(column) if cell is not None]
            for column in zip(*self.grid[:depth], strict=True)
        ]
        header = [columns] if depth else []
        cells = header + [[[cell] if cell is not None else [] for cell in _once(row)] for row in self.grid[depth:]]
        shown = [0] * len(self.boxes)
        for row in cells:
            for column in row:
                for cell in column:
                    shown[cell] += 1
        lines = [[" ".join(filter(None, (texts[cell] for cell in column))) for column in row] for row in cells]
        return Rows(lines, shown)

    def _header_depth(self) -> int:
        first = self.grid[0]
        if len(set(first)) == 1:
            return 0
        depth = max(sum(cell in row for row in self.grid) for cell in set(first) if cell is not None)
        spans_columns = any(first.count(cell) > 1 for cell in set(first))
        depth = max(depth, 2 if spans_columns else 1)
        return depth if 1 < depth < len(self.grid) else 0


class Rows(NamedTuple):
    """Rows of texts; `shown`: how often each cell stands in them."""

    lines: list[list[str]]
    shown: list[int]


def _once(row: list[int | None]) -> list[int | None]:
    """Return a row; one whose only cell spans all columns, a heading of rows, has it once."""
    return row[:1] if len(set(row)) == 1 else row


def _edges(places: Iterable[float]) -> list[float]:
    """Return places without those that lie within a point of another."""
    found: list[float] = []
    for place in sorted(places):
        if not found or place - found[-1] > 1:
            found.append(place)
    return found
