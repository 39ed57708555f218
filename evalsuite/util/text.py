"""Text that others wrote, on a terminal that we write to."""

from __future__ import annotations


def with_article(noun: str) -> str:
    """Return a noun with its indefinite article: `an int`, `a str`."""
    return f"{'an' if noun[:1].lower() in 'aeiou' else 'a'} {noun}"


def visible(text: str) -> str:
    """Control characters and lone surrogates spelt out: nobody's text may move the cursor or set a title."""
    return text if text.isprintable() else "".join(char if char.isprintable() else repr(char)[1:-1] for char in text)
