"""Text that others wrote, on a terminal that we write to."""

from __future__ import annotations


def visible(text: str) -> str:
    """Control characters and lone surrogates spelt out: nobody's text may move the cursor or set a title."""
    return text if text.isprintable() else "".join(char if char.isprintable() else repr(char)[1:-1] for char in text)
