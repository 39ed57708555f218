"""Text that others wrote, inside Markdown that we write."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence


def plain(text: str) -> str:
    """Text that Markdown takes for text: on one line, with nothing that could open a tag, a link or a cell."""
    return re.sub(r"([\\`*_\[\]<>|])", r"\\\1", " ".join(str(text).split()))


def code(text: str) -> str:
    """Text as a code span, in which no link, tag or mention is alive; fit for a table's cell."""
    shown = "".join(char if char.isprintable() else repr(char)[1:-1] for char in text)
    return f"`{shown.replace('`', chr(39)).replace('|', chr(92) + '|') or ' '}`"


def table(head: Sequence[str], lines: Iterable[Sequence[str]], left: int) -> str:
    """A table whose first `left` columns are text and the others numbers."""
    rule = [":--" if place < left else "--:" for place in range(len(head))]
    return "".join("| " + " | ".join(cells) + " |\n" for cells in (head, rule, *lines))
