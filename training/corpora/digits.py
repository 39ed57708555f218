"""The guard of every reader: the numbers of a text are the numbers of its source."""

from __future__ import annotations

import re
from collections import Counter
from typing import Final

_DIGITS: Final = re.compile(r"\d+|[⁰¹²³⁴-⁹]+|[₀-₉]+|[¼-¾⅐-⅞]")
"""A superscript, a subscript and a fraction are digit strings of their own: in 10⁹ there are two, as in 10^9."""
_OTHER_ASCII: Final = bytes(byte if byte > 127 or chr(byte).isdigit() else 32 for byte in range(256))


def digit_strings(text: str) -> Counter[str]:
    """Return how often each run of digits stands in a text."""
    return Counter(_in_order(text))


def changed_digits(source_text: str, text: str, dropped: str = "") -> str | None:
    """Return how the digit strings of a text differ from those of its source, or None if they are the same.

    The order doesn't count, since readers move foot notes and labels. `source_text`: the source's characters with a
    break wherever the source separates them, so that `10<sup>9</sup>` counts as "10 9"; `dropped`: what the reader
    left out on purpose and counted, with breaks in the same way.
    """
    if not dropped and _rest(source_text) == _rest(text):
        return None
    expected, found = digit_strings(source_text), digit_strings(text) + digit_strings(dropped)
    if expected == found:
        return None
    lost, new = expected - found, found - expected
    parts = [f"{name} {_listed(digits)}" for name, digits in (("lost", lost), ("new", new)) if digits]
    return "; ".join(parts)


def _in_order(text: str) -> list[str]:
    return _DIGITS.findall(b" ".join(_rest(text)).decode("utf-8", "surrogatepass"))


def _rest(text: str) -> list[bytes]:
    """Return a text's runs of digits and of characters beyond ASCII, some of which are digits, too."""
    # Every reader does this for every text; it takes a tenth of the regular expression's time.
    return text.encode("utf-8", "surrogatepass").translate(_OTHER_ASCII).split()


def _listed(digits: Counter[str], limit: int = 8) -> str:
    shown = list(digits.elements())[:limit]
    more = digits.total() - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more else "")
