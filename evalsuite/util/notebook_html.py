"""Tables and interval plots as HTML for notebooks: inline SVG, no script, and everything that is shown is escaped."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Final

from evalsuite.util.text import visible

Interval = tuple[float, float, float]
"""Value, low and high end."""
_ROW: Final = 22
"""Height of a plot's row in pixels."""
_PLOT: Final = 320
_LABEL_CHARACTER: Final = 7
"""Width of a character of a row's label in pixels, roughly."""
_AXIS: Final = 24
_STYLE: Final = "font-family:sans-serif;font-size:12px"


def html_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table; the first column is aligned to the left, the others to the right."""
    head = "".join(_cell("th", column, place) for place, column in enumerate(columns))
    body = "".join(f"<tr>{''.join(_cell('td', value, place) for place, value in enumerate(row))}</tr>" for row in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def interval_plot(
    intervals: Mapping[str, Interval], limits: tuple[float, float], ticks: Mapping[float, str], note: str = ""
) -> str:
    """Return a plot with one row per interval: a dot at the value and a line from the low to the high end.

    `limits` are the ends of the axis, `ticks` the labels on it by position; `note` is the plot's description.
    """
    left = _LABEL_CHARACTER * max(map(len, intervals)) + 12
    width, height = left + _PLOT + 24, _ROW * len(intervals) + _AXIS

    def x(value: float) -> float:
        low, high = limits
        return round(left + _PLOT * (min(max(value, low), high) - low) / (high - low), 1)

    bottom = _ROW * len(intervals)
    parts = [
        f'<line x1="{x(at)}" y1="0" x2="{x(at)}" y2="{bottom}" stroke="currentColor" stroke-opacity="0.15"/>'
        f'<text x="{x(at)}" y="{bottom + 16}" text-anchor="middle" fill="currentColor">{_text(label)}</text>'
        for at, label in ticks.items()
    ]
    for row, (name, (value, low, high)) in enumerate(intervals.items()):
        y = row * _ROW + _ROW // 2
        parts.append(
            f'<text x="{left - 8}" y="{y + 4}" text-anchor="end" fill="currentColor">{_text(name)}</text>'
            f'<line x1="{x(low)}" y1="{y}" x2="{x(high)}" y2="{y}" stroke="#1f77b4" stroke-width="2"/>'
            f'<circle cx="{x(value)}" cy="{y}" r="4" fill="#1f77b4"/>'
        )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" role="img" '
        f'aria-label="{_text(note)}" style="{_STYLE}">{"".join(parts)}</svg>'
    )


def html_block(title: str, *parts: str) -> str:
    """Return a heading, which is escaped, and parts, which are HTML already."""
    return f'<div style="{_STYLE}"><b>{_text(title)}</b>{"".join(parts)}</div>'


def _cell(tag: str, value: str, place: int) -> str:
    return f'<{tag} style="text-align:{"right" if place else "left"}">{_text(value)}</{tag}>'


def _text(value: str) -> str:
    return escape(visible(value), quote=True)
