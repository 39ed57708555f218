"""Text that others wrote, inside Markdown that we write."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Final

from evalsuite.util.text import visible

_REFERENCE: Final = re.compile(r"(?<![\w`])@(?=\w)|#(?=\d)")
"""What a forge turns into a mention of somebody or a link to an issue."""
_NO_REFERENCE: Final = "\u200b"
"""Of no width: behind it a name or a number is text."""


def plain(text: str) -> str:
    """Text that Markdown takes for text: on one line, with nothing that opens a tag, a link, a cell or a mention."""
    shown = re.sub(r"([\\`*_\[\]<>|])", r"\\\1", visible(" ".join(str(text).split())))
    return _REFERENCE.sub(lambda found: found[0] + _NO_REFERENCE, shown)


def code(text: str) -> str:
    """Text as a code span, in which no link, tag or mention is alive; fit for a table's cell."""
    return f"`{visible(text).replace('`', chr(39)).replace('|', chr(92) + '|') or ' '}`"


def table(head: Sequence[str], lines: Iterable[Sequence[str]], left: int) -> str:
    """A table whose first `left` columns are text and the others numbers."""
    rule = [":--" if place < left else "--:" for place in range(len(head))]
    return "".join("| " + " | ".join(cells) + " |\n" for cells in (head, rule, *lines))
