"""What was measured here against a number that others published: never paired, both uncertain."""

from __future__ import annotations

from evalsuite.stats.averages import combine
from evalsuite.stats.intervals import Estimate, jeffreys


def published(value: float, items: int) -> Estimate:
    """A published accuracy with its own binomial error: Jeffreys' interval over so many independent items."""
    return jeffreys(value, items)


def against(measured: Estimate, other: Estimate) -> Estimate:
    """measured - published, as two independent shares, with the interval that follows from both of theirs.

    The runs may have asked the same items; without the published answers nobody can pair them, so this is wider than a
    paired difference. It says nothing of prompts, decoding and parsers, which differ too and can weigh more.
    Source: R. G. Newcombe, Statistics in Medicine 17 (1998), method 10, with each share's own interval.
    """
    return combine([measured, other], [1.0, -1.0])
