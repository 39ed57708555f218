"""A measured accuracy compared with a published one: never paired, both with an error of their own."""

from __future__ import annotations

from evalsuite.stats.intervals import Estimate
from evalsuite.stats.macro_average import combine


def published_difference(measured: Estimate, published: Estimate) -> Estimate:
    """Return measured - published as the difference of two independent shares, with an interval.

    Even if both runs had the same items, they can't be paired without the published answers, so the interval is wider
    than that of a paired difference. It doesn't cover differences of prompts, decoding and parsers, which can matter
    more.
    Source: R. G. Newcombe, Statistics in Medicine 17 (1998), method 10, with each share's own interval.
    """
    return combine([measured, published], [1.0, -1.0])
