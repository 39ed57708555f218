"""The words of a trace."""

from __future__ import annotations

import re
from typing import Final

_WORD: Final = re.compile(r"[\u3040-\u30ff\u3400-\u9fff]|[^\W_\u3040-\u30ff\u3400-\u9fff]+(?:['’][^\W_]+)?")
_LONGEST_EXCERPT: Final = 160


def words_of(text: str) -> list[str]:
    """Return a text's words, case folded; a Chinese or Japanese character is a word."""
    return _WORD.findall(text.casefold())


def sequences(words: list[str], length: int) -> list[tuple[str, ...]]:
    """Return all sequences of so many words in a row."""
    return [tuple(words[start : start + length]) for start in range(len(words) - length + 1)]


def excerpt(text: str, start: int = 0, end: int | None = None) -> str:
    """Return a part of a text in one line, shortened."""
    line = " ".join(text[start:end].split())
    return line if len(line) <= _LONGEST_EXCERPT else line[: _LONGEST_EXCERPT - 1] + "…"
