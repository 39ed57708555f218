"""Numbers of tokens as servers, recordings and logs report them."""

from __future__ import annotations

from typing import Any, Final

LARGEST: Final = 2**31 - 1
"""More tokens than any context holds; what exceeds it is a server's mistake, and some report 2^64 - 1 for unknown."""


def token_count(value: Any) -> int | None:
    """Return a number of tokens, or None for anything that can't be one: a float, NaN, below 0, or above `LARGEST`."""
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= LARGEST else None
