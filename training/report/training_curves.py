"""The curves of a stage: its logged numbers by step, as Plotly figures and as tables."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final, NamedTuple

import numpy as np

from evalsuite.util.format import percent
from training.run_folder import StageFolder

MAX_POINTS: Final = 400
"""Points of a line; where there are more steps, each point is the mean of several."""
TABLE_ROWS: Final = 8
"""Rows of a line's table."""
_FEW_POINTS: Final = 24
"""Lines with fewer points show each of them as a marker, and no running mean."""
Json = dict[str, Any]


class Line(NamedTuple):
    """One logged number, at the steps that have it."""

    name: str
    steps: list[int]
    values: list[float]
    colour: str


class TrainingCurve(NamedTuple):
    """One plot: its lines share an axis."""

    key: str
    title: str
    lines: list[Line]
    in_percent: bool
    """Whether the values are fractions that are shown in percent."""


# Roles of colours, which the page's script replaces by those of the reader's colour scheme.
_ACCENT, _OTHER = "$accent", "$warn"
_CURVES: Final[tuple[tuple[str, str, bool, tuple[tuple[str, str, str], ...]], ...]] = (
    ("loss", "Loss", False, (("loss", "training", _ACCENT), ("eval_loss", "held out", _OTHER))),
    ("reward", "Reward, mean", False, (("reward", "reward", _ACCENT),)),
    ("kl", "KL divergence from the start", False, (("kl", "KL", _ACCENT),)),
    ("clipped", "Truncated completions, %", True, (("clipped", "truncated", _ACCENT),)),
    (
        "zero-variance",
        "Zero-variance groups, %",
        True,
        (("groups_all_0", "all 0", _OTHER), ("groups_all_1", "all 1", _ACCENT)),
    ),
    ("length", "Tokens per completion, mean", False, (("length", "tokens", _ACCENT),)),
    ("gradient", "Norm of the gradient", False, (("grad_norm", "norm", _ACCENT),)),
)
"""Key, title, whether it is shown in percent, and the keys of the metrics with their names and colours."""


def curves(folder: StageFolder) -> list[TrainingCurve]:
    """Return the curves of a stage for which anything was logged."""
    logged = list(folder.read_metrics())
    all_curves = [
        TrainingCurve(
            key, title, [line for line in (_line(logged, *each) for each in numbers) if line.steps], in_percent
        )
        for key, title, in_percent, numbers in _CURVES
    ]
    return [curve for curve in all_curves if curve.lines]


def _line(logged: Sequence[Json], key: str, name: str, colour: str) -> Line:
    points = [(line["step"], float(line[key])) for line in logged if isinstance(line.get(key), int | float)]
    return Line(name, [step for step, _ in points], [value for _, value in points], colour)


def figure(curve: TrainingCurve) -> Json:
    """Return the curve as a Plotly figure: every step as a thin line, and their running mean as a thick one."""
    scale = 100 if curve.in_percent else 1
    traces = [trace for line in curve.lines for trace in _traces(line, scale)]
    axis = {"gridcolor": "$grid", "zeroline": False, "fixedrange": True, "automargin": True}
    layout = {
        "height": 230,
        "showlegend": len(curve.lines) > 1,
        "legend": {"orientation": "h", "x": 1, "xanchor": "right", "y": 1.0, "yanchor": "bottom"},
        "margin": {"l": 8, "r": 10, "t": 26, "b": 34},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "font": {"color": "$ink", "size": 11},
        "hoverlabel": {"bgcolor": "$paper", "bordercolor": "$grid", "font": {"color": "$ink"}},
        "hovermode": "x",
        "xaxis": {**axis, "title": {"text": "step", "font": {"size": 11, "color": "$muted"}}},
        "yaxis": {**axis, "rangemode": "tozero" if curve.in_percent else "normal"},
    }
    return {"data": traces, "layout": layout}


def _traces(line: Line, scale: float) -> Iterator[Json]:
    steps, values = _thin_out(line)
    values = values * scale
    plain = {"type": "scatter", "x": steps.tolist(), "name": line.name}
    if len(values) < _FEW_POINTS:
        yield plain | {
            "mode": "lines+markers",
            "y": _rounded(values),
            "line": {"color": line.colour, "width": 1.8},
            "marker": {"size": 5},
        }
        return
    thin = {"color": line.colour, "width": 0.8}
    yield plain | {
        "mode": "lines",
        "y": _rounded(values),
        "line": thin,
        "opacity": 0.35,
        "showlegend": False,
        "hoverinfo": "skip",
    }
    yield plain | {"mode": "lines", "y": _rounded(_running_mean(values)), "line": {"color": line.colour, "width": 2}}


def _thin_out(line: Line) -> tuple[Any, Any]:
    """Return steps and values of at most `MAX_POINTS` points, each the mean of equally many neighbouring steps."""
    width = -(-len(line.steps) // MAX_POINTS)
    starts = range(0, len(line.steps), width)
    # Each point is drawn at the last of its steps, so that the line ends at the last step.
    steps = np.array([line.steps[min(start + width, len(line.steps)) - 1] for start in starts])
    return steps, np.array([np.mean(line.values[start : start + width]) for start in starts])


def _running_mean(values: Any) -> Any:
    """Return the mean over a centred window of a twentieth of the line, narrower at its ends."""
    half = max(1, len(values) // 40)
    # Differences of cumulative sums: the time is linear whatever the width of the window.
    sums = np.concatenate([[0.0], np.cumsum(values)])
    at = np.arange(len(values))
    low, high = np.maximum(at - half, 0), np.minimum(at + half + 1, len(values))
    return (sums[high] - sums[low]) / (high - low)


def _rounded(values: Any) -> list[float]:
    return [float(f"{value:.5g}") for value in values]  # a plot shows no more digits


def summary_rows(curve: TrainingCurve) -> list[list[str]]:
    """Return the curve's table: mean, lowest and highest value of each line over equal parts of its steps."""
    rows = []
    for line in curve.lines:
        for part in np.array_split(np.arange(len(line.steps)), min(TABLE_ROWS, len(line.steps))):
            values = [line.values[index] for index in part]
            first, last = line.steps[part[0]], line.steps[part[-1]]
            span = f"{first}" if first == last else f"{first} to {last}"
            numbers = (float(np.mean(values)), min(values), max(values))
            rows.append([line.name, span, *(format_value(number, curve.in_percent) for number in numbers)])
    return rows


def format_value(value: float, in_percent: bool) -> str:
    """Return a value of a curve as text."""
    return percent(value) if in_percent else f"{value:.4g}"
