"""Numbers as people read them, in terminal tables, Markdown, HTML and messages: one function for each kind."""

from __future__ import annotations

import math

MINUS = "−"
"""The minus sign (U+2212), which is as wide as a plus sign."""


def percent(share: float | None, digits: int = 1) -> str:
    """Return a fraction in percent without the percent sign, such as `61.2`; a dash where there is none."""
    return "–" if share is None else f"{100 * share:.{digits}f}"


def interval(value: float, low: float, high: float) -> str:
    """Return a fraction with the ends of its interval in percent, such as `61.2 [58.4, 63.9]`."""
    return f"{percent(value)} [{percent(low)}, {percent(high)}]"


def points(difference: float) -> str:
    """Return a difference of fractions in signed percentage points, such as `+1.2` or `−0.4`."""
    return f"{100 * difference:+.1f}".replace("-", MINUS)


def points_interval(value: float, low: float, high: float) -> str:
    """Return a difference with the ends of its interval in signed percentage points, such as `+1.2 [−0.4, +2.8]`."""
    return f"{points(value)} [{points(low)}, {points(high)}]"


def p_value(p: float) -> str:
    """Return a p-value with three decimals, such as `0.023`, or `< 0.001`."""
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


def rough_count(count: int) -> str:
    """Round an estimated count up to two digits: 134,203 is `140,000`."""
    step = 10 ** max(0, len(str(count)) - 2)
    return f"{math.ceil(count / step) * step:,}"
