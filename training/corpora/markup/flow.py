"""A tree of XML or HTML as paragraphs of text."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, NamedTuple

from training.corpora.markup.dialect import Dialect
from training.corpora.markup.elements import Element, UnreadableError, local_name, own_text
from training.corpora.markup.inline import (
    LINE_BREAK,
    JoinedText,
    Piece,
    Placement,
    is_note_mark,
    join,
    merged,
    normalised,
)
from training.corpora.markup.math import is_math, math_pieces
from training.corpora.markup.tables import Cell, Grid

BETWEEN_CELLS: Final = " | "
_APART: Final = Piece(Placement.LOWERED, "")
"""Keeps digits before and behind what stands elsewhere from becoming one number."""
_LEADING_CARET: Final = re.compile(r"(?<!\d)\^")
_DIGITS_APART: Final = re.compile(r"(?<=\d)\0+(?=\d)")
MOST_REPEATED: Final = 20_000_000
"""Characters of all tables of a tree, with those that are shown again as their cells span rows and columns."""


class _Budget:
    """How many characters the tables of a tree may still have: a small file can span its cells over gigabytes."""

    def __init__(self) -> None:
        self._left = MOST_REPEATED

    def spend(self, characters: int, table: Element) -> None:
        self._left -= characters
        if self._left < 0:
            raise UnreadableError(f"tables of more than {MOST_REPEATED:,} characters", table.sourceline or 1)


@dataclass
class _Block:
    text: str
    item: bool = False


class Rendered(NamedTuple):
    """A tree as text. `omitted`: headings of empty sections; `note_marks`: marks of foot notes that were removed."""

    text: str
    omitted: str
    note_marks: int


def render(elements: Iterable[Element], dialect: Dialect) -> Rendered:
    """Return elements as paragraphs with a blank line between them. Raises `UnreadableError`.

    Sections keep their headings, lists their items as lines, tables their rows as lines below their caption and above
    their foot notes. No number is added: a list's items begin with "-".
    """
    flow = Flow(dialect)
    for element in elements:
        flow.element(element)
    return flow.finished()


class Flow:
    """Collects the paragraphs of the elements that it is given."""

    def __init__(self, dialect: Dialect, budget: _Budget | None = None) -> None:
        self._dialect = dialect
        self._budget = budget or _Budget()
        self._blocks: list[_Block] = []
        self._pieces: list[Piece] = []
        self._headings: list[tuple[int, str]] = []
        self._omitted: list[str] = []
        self._prefix = ""
        self._terms: list[str] = []
        self._defining = False
        self._notes: list[Element] = []
        self._sections = self._items = 0
        self._item_begins = self._in_group = False
        self.note_marks = 0

    def finished(self) -> Rendered:
        """Return what has been collected."""
        self._end_block()
        self._end_terms()
        if self._prefix:
            self._add("")
        self._omit(self._headings)
        paragraphs: list[str] = []
        for before, block in zip([_Block(""), *self._blocks], self._blocks, strict=False):
            if before.item and block.item:
                paragraphs[-1] += f"\n{block.text}"
            else:
                paragraphs.append(block.text)
        return Rendered("\n\n".join(paragraphs), " ".join(self._omitted), self.note_marks)

    def element(self, element: Element) -> None:
        """Add an element with all that is in it, without the text that follows it."""
        if not self._dialect.drops(element):
            self._shown(element, local_name(element))

    def _shown(self, element: Element, name: str) -> None:
        dialect = self._dialect
        if name in ("sup", "sub"):
            self._shift(element, Placement.RAISED if name == "sup" else Placement.LOWERED)
        elif is_math(element):
            self._pieces += [_APART, *math_pieces(element), _APART]
        elif dialect.is_citation(element):
            text = _LEADING_CARET.sub("", self._line(element).text)
            self._pieces.append(Piece(Placement.RAISED if is_note_mark(text) else Placement.CITED, text))
        elif name in dialect.line_breaks:
            self._pieces.append(Piece(Placement.PLAIN, LINE_BREAK))
        elif name == "table":
            self._end_block()
            self._table(element)
        elif name in dialect.headings and not self._in_group:
            self._heading(element, name)
        elif name in dialect.labels:
            self._label(element)
        elif name in dialect.notes and self._pieces:
            self._notes.append(element)
            self._pieces.append(_APART)
        elif name in dialect.groups:
            self._group(element)
        elif name in dialect.items | dialect.terms | dialect.definitions:
            self._list_part(element, name)
        elif name in dialect.blocks | dialect.headings | dialect.notes | dialect.sections:
            self._block(element, name)
        else:
            self._content(element)

    def _content(self, element: Element) -> None:
        self._pieces.append(Piece(Placement.PLAIN, own_text(element)))
        for child in element:
            if isinstance(child.tag, str):
                self.element(child)
            else:
                self._pieces.append(Piece(Placement.PLAIN, own_text(child)))
            self._pieces.append(Piece(Placement.PLAIN, child.tail or ""))

    def _block(self, element: Element, name: str) -> None:
        self._end_block()
        section = name in self._dialect.sections
        self._sections += section
        self._content(element)
        self._end_block()
        self._sections -= section
        if section:
            self._drop_headings(self._sections + 1)

    # In a line

    def _is_a_line(self) -> bool:
        """Whether nothing but a line has been collected."""
        return not (self._blocks or self._notes or self._prefix or self._terms or self._headings)

    def _line(self, element: Element) -> JoinedText:
        """Return an element's content as one line; paragraphs in it are lines with a semicolon between them."""
        line = self._inner(element)._as_line()
        self.note_marks += line.note_marks
        return line

    def _inner(self, element: Element) -> Flow:
        """Return what has been collected of an element by itself."""
        inner = Flow(self._dialect, self._budget)
        inner._in_group = True
        inner._content(element)
        return inner

    def _as_line(self) -> JoinedText:
        if self._is_a_line():
            line = join(self._pieces)
            return line._replace(note_marks=line.note_marks + self.note_marks)
        rendered = self.finished()
        parts = (part.removeprefix("- ") for part in rendered.text.replace("\n\n", "\n").split("\n"))
        return JoinedText("; ".join(part for part in parts if part), rendered.note_marks)

    def _shift(self, element: Element, kind: Placement) -> None:
        """Add raised or lowered text; a raised citation is a citation."""
        inner = self._inner(element)
        if not inner._is_a_line():
            line = inner._as_line()
            self.note_marks += line.note_marks
            self._pieces.append(Piece(kind, line.text))
            return
        pieces = merged(inner._pieces)
        cited = any(piece.kind is Placement.CITED for piece in pieces)
        if kind is Placement.RAISED and cited:
            text = _DIGITS_APART.sub(", ", "\0".join(piece.text for piece in pieces)).replace("\0", "")
            self._pieces.append(Piece(Placement.CITED, text))
        else:
            self._pieces.append(Piece(kind, join(pieces).text))

    # Paragraphs

    def _end_block(self) -> None:
        """Turn what has been collected of a line into a paragraph, and the foot notes in it into further ones."""
        pieces, self._pieces = self._pieces, []
        notes, self._notes = self._notes, []
        line = join(pieces)
        text = normalised(line.text)
        self.note_marks += line.note_marks
        if text:
            self._add(text)
        for note in notes:
            self._block(note, "")

    def _add(self, text: str) -> None:
        self._end_terms()
        self._blocks += [_Block(heading) for _, heading in self._headings]
        self._headings = []
        text, self._prefix = (self._prefix + text).strip(), ""
        if self._item_begins:
            indent = "  " * (self._items - 1)
            text = f"{indent}{text}" if text[:1] in "-•–" else f"{indent}- {text}"
            self._item_begins = False
            self._blocks.append(_Block(text, item=True))
        else:
            self._blocks.append(_Block(text, item=self._in_group))

    def _heading(self, element: Element, name: str) -> None:
        self._end_block()
        level = self._sections or (int(name[1:]) if name[1:].isdecimal() else 1)
        text = self._line(element)
        self._drop_headings(level)
        heading, self._prefix = self._prefix + normalised(text.text).replace("\n", " "), ""
        if heading:
            self._headings.append((level, heading))

    def _drop_headings(self, level: int) -> None:
        """Omit the headings of sections that have ended without any content."""
        self._omit([each for each in self._headings if each[0] >= level])
        self._headings = [each for each in self._headings if each[0] < level]

    def _omit(self, headings: list[tuple[int, str]]) -> None:
        self._omitted += [text for _, text in headings]

    def _label(self, element: Element) -> None:
        text = normalised(self._line(element).text).lstrip("^")
        if self._pieces:
            self._pieces.append(_APART)
        if text:
            self._prefix += f"{text}. " if self._in_group and text[-1].isdigit() else f"{text} "

    def _group(self, element: Element) -> None:
        """Add a table or figure with its caption and foot notes as the lines of one paragraph."""
        self._end_block()
        rendered = self._inner(element).finished()
        self.note_marks += rendered.note_marks
        self._omitted.append(rendered.omitted)
        text = re.sub(r"\n+", "\n", rendered.text)
        if text:
            self._add(text)

    def _list_part(self, element: Element, name: str) -> None:
        self._end_block()
        if name in self._dialect.items:
            self._items += 1
            self._item_begins = True
            self._content(element)
            self._end_block()
            self._items -= 1
            self._item_begins = False
            return
        text = normalised(self._line(element).text).replace("\n", " ")
        if name in self._dialect.terms:
            self._defining = False
            self._terms.append(text)
        elif text:
            self._define(text)

    def _define(self, text: str) -> None:
        """Add a definition behind its terms: `Adult: 5 mg`; a further one of the same terms joins the first."""
        if self._defining:
            self._blocks[-1].text += f"; {text}"
            return
        terms, self._terms = ", ".join(filter(None, self._terms)), []
        colon = " " if terms.endswith((":", "?", "=")) else ": "
        self._add(f"{terms}{colon}{text}" if terms else text)
        self._blocks[-1].item = self._defining = True

    def _end_terms(self) -> None:
        """Add terms that nothing defines."""
        terms, self._terms, self._defining = self._terms, [], False
        self._blocks += [_Block(term, item=True) for term in terms if term]

    # Tables

    def _table(self, element: Element) -> None:
        try:
            grid = Grid(element)
        except ValueError as error:
            raise UnreadableError(str(error), element.sourceline or 1) from None
        texts: dict[int, str] = {}
        lines = [normalised(self._line(each).text) for each in element if local_name(each) == "caption"]
        header = [" ".join(filter(None, (self._cell(cell, texts) for cell in cells))) for cells in grid.header_cells()]
        rows = [header, *([self._cell(cell, texts) for cell in row] for row in grid.body_rows())]
        self._budget.spend(sum(len(text) for row in rows for text in row), element)
        lines += [BETWEEN_CELLS.join(row).rstrip() for row in rows]
        lines = [self._prefix.strip(), *(line for line in lines if line.strip(" |"))]
        self._prefix = ""
        lines = [line for line in lines if line]
        if lines:
            self._add("\n".join(lines))

    def _cell(self, cell: Cell | None, texts: dict[int, str]) -> str:
        if cell is None:
            return ""
        if id(cell) not in texts:
            texts[id(cell)] = normalised(self._line(cell.element).text).replace("\n", " ")
        return texts[id(cell)]
