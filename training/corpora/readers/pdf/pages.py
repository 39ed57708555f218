"""Pages of a PDF as paragraphs: tables as rows, hyphens at line ends resolved, repeated lines left out."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from training.corpora.markup.flow import BETWEEN_CELLS
from training.corpora.readers.pdf.lines import Char, TextLine, lines_of
from training.corpora.readers.pdf.tables import RuledTable

MOST_PAGES: Final = 3000
_MOST_EDGES: Final = 4000
"""Lines and sides of boxes on a page, above which they are a drawing, in which tables are not looked for."""
_MARGIN: Final = 0.12
"""Of the page's height, at its top and bottom: where headers and footers stand."""
_HYPHEN: Final = re.compile(r"(?<=[A-Za-z\u00c0-\u024f])[-\u00ad\u2010]\Z")
_WORDS: Final = re.compile(r"[^\W\d_]+(?:-[^\W\d_]+)*")
_ITEM: Final = re.compile(r"(?:[•●▪■◦‣–]|\(?\d{1,2}[.)]|\(?[a-z]\))\s")


@dataclass
class PdfTable:
    """A table with the lines of each of its cells."""

    ruled: RuledTable
    cells: list[list[TextLine]]

    def text(self) -> str:
        """Return its rows as lines."""
        texts = [" ".join(filter(None, (line.text() for line in lines))) for lines in self.cells]
        return "\n".join(BETWEEN_CELLS.join(row).rstrip() for row in self.ruled.rows(texts).lines)


@dataclass
class PdfText:
    """A document's parts in order, by page, and what was left out of it."""

    pages: list[list[TextLine | PdfTable]] = field(default_factory=list)
    removed: list[TextLine] = field(default_factory=list)
    """Lines that stand on many pages, but for their numbers."""

    def lines(self) -> Iterator[tuple[TextLine, int]]:
        """Yield each line with how often the text shows it."""
        for page in self.pages:
            for part in page:
                if isinstance(part, TextLine):
                    yield part, 1
                else:
                    shown = part.ruled.rows([""] * len(part.cells)).shown
                    for lines, times in zip(part.cells, shown, strict=True):
                        yield from ((line, times) for line in lines)


def read_pages(pdf: Any) -> PdfText:
    """Return the text of an open document of pdfplumber. Raises `ValueError` for one with too many pages."""
    if len(pdf.pages) > MOST_PAGES:
        raise ValueError(f"more than {MOST_PAGES:,} pages")
    found = PdfText()
    edges: list[list[TextLine]] = []
    for page in pdf.pages:
        parts = list(_parts(page))
        edges.append(_in_margins(parts, float(page.height)))
        found.pages.append(parts)
        page.close()
    counts = Counter(key for lines in edges for key in {_key(line) for line in lines})
    often = max(2, (len(edges) + 1) // 2)
    for parts, lines in zip(found.pages, edges, strict=True):
        repeated = [line for line in lines if counts[_key(line)] >= often]
        found.removed += repeated
        parts[:] = [part for part in parts if not any(part is line for line in repeated)]
    return found


def _in_margins(parts: list[TextLine | PdfTable], height: float) -> list[TextLine]:
    """Return the lines at the top and bottom of a page that a gap keeps apart from the text between them."""
    lines = sorted((part for part in parts if isinstance(part, TextLine)), key=lambda line: line.top)
    blocks: list[list[TextLine]] = []
    bottom = float("-inf")
    for line in lines:
        if not blocks or line.top - bottom > 0.6 * line.size:
            blocks.append([])
        blocks[-1].append(line)
        bottom = max(bottom, line.bottom)
    low, high = _MARGIN * height, (1 - _MARGIN) * height
    inside = (block for block in blocks if block[-1].bottom < low or block[0].top > high)
    return [line for block in inside for line in block]


def _key(line: TextLine) -> str:
    return re.sub(r"\d+", "#", line.text())


def _parts(page: Any) -> Iterator[TextLine | PdfTable]:
    """Yield the lines and tables of a page in the order of its content."""
    rules = [each for each in [*page.rects, *page.lines, *page.curves] if each["height"] < 2.5 and each["width"] > 2]
    ruled = page.find_tables() if len(page.edges) < _MOST_EDGES else []
    tables = [each for each in (RuledTable(found.cells) for found in ruled) if each.is_table]
    loose: list[Char] = []
    inside: dict[int, list[list[Char]]] = {}
    order: list[list[Char] | int] = [loose]
    for char in page.dedupe_chars().chars:
        place = _cell(char, tables)
        if place is None:
            if not isinstance(order[-1], list):
                order.append([])
            order[-1].append(char)  # type: ignore[union-attr]
            continue
        table, cell = place
        if table not in inside:
            inside[table] = [[] for _ in tables[table].boxes]
            order.append(table)
        inside[table][cell].append(char)
    for part in order:
        if isinstance(part, int):
            yield PdfTable(tables[part], [lines_of(chars, rules) for chars in inside[part]])
        else:
            yield from lines_of(part, rules)


def _cell(char: Char, tables: list[RuledTable]) -> tuple[int, int] | None:
    x, y = (char["x0"] + char["x1"]) / 2, (char["top"] + char["bottom"]) / 2
    for number, table in enumerate(tables):
        if not table.left <= x <= table.right:
            continue
        for cell, box in enumerate(table.boxes):
            if box[0] <= x <= box[2] and box[1] <= y <= box[3]:
                return number, cell
    return None


def paragraphs(text: PdfText) -> str:
    """Return the paragraphs of a document with a blank line between them; one may go on over a page's end."""
    words = Counter(word.lower() for page in text.pages for part in page for word in _WORDS.findall(part.text()))
    found: list[str] = []
    last: TextLine | None = None
    for page in text.pages:
        for place, part in enumerate(page):
            shown = part.text()
            if not shown:
                continue
            if isinstance(part, PdfTable):
                found.append(shown)
                last = None
                continue
            if last is not None and not _begins_paragraph(last, part, found[-1], shown, place == 0):
                found[-1] = _continued(found[-1], shown, words)
            else:
                found.append(shown)
            last = part
    return "\n\n".join(found)


def _begins_paragraph(last: TextLine, line: TextLine, before: str, shown: str, new_page: bool) -> bool:
    if abs(last.size - line.size) > 0.6 or _ITEM.match(shown) or BETWEEN_CELLS in shown + before.split("\n")[-1]:
        return True
    gap = line.top - last.bottom
    if new_page or gap < -last.size:  # another column
        return before.endswith((".", ":", "!", "?"))
    ends_early = last.x1 < line.x1 - 3 * line.size and before.endswith((".", ":", "!", "?"))
    return gap > 0.6 * line.size or ends_early


def _continued(before: str, line: str, words: Counter[str]) -> str:
    """Return a paragraph with its next line; a hyphen at the end goes unless the word has it elsewhere."""
    hyphen = _HYPHEN.search(before)
    if not hyphen or not line[:1].islower():
        separator = "" if re.search(r"\d[-–]\Z", before) and line[:1].isdigit() else " "
        return f"{before}{separator}{line}"
    start = _WORDS.findall(before[:-1])[-1].lower()
    end = _WORDS.match(line)
    if hyphen[0] == "-" and end and words[f"{start}-{end[0].lower()}"] > words[f"{start}{end[0].lower()}"]:
        return f"{before}{line}"
    return f"{before[:-1]}{line}"
