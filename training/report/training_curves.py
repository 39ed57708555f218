"""What a stage logged, step by step, as plots with the tables that say the same."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final, NamedTuple

import numpy as np

from training.run_folder import StageFolder

POINTS: Final = 400
"""Most points of a line; beyond them each is the mean of several steps."""
WINDOWS: Final = 8
"""Rows of a curve's table."""
Json = dict[str, Any]


class Line(NamedTuple):
    """One number over the steps that have it."""

    name: str
    steps: list[int]
    values: list[float]
    colour: str


class TrainingCurve(NamedTuple):
    """What stands in one plot."""

    key: str
    title: str
    lines: list[Line]
    percent: bool


_ACCENT, _OTHER = "$accent", "$warn"
_CURVES: Final[tuple[tuple[str, str, bool, tuple[tuple[str, str, str], ...]], ...]] = (
    ("loss", "Loss", False, (("loss", "training", _ACCENT), ("eval_loss", "held out", _OTHER))),
    ("reward", "Reward, mean", False, (("reward", "reward", _ACCENT),)),
    ("kl", "KL divergence from the start", False, (("kl", "KL", _ACCENT),)),
    ("clipped", "Completions cut at the token limit, %", True, (("clipped", "cut", _ACCENT),)),
    ("dead", "Dead groups, %", True, (("dead_zero", "all 0", _OTHER), ("dead_one", "all 1", _ACCENT))),
    ("length", "Tokens a completion, mean", False, (("length", "tokens", _ACCENT),)),
    ("gradient", "Norm of the gradient", False, (("grad_norm", "norm", _ACCENT),)),
)
"""Key, title, whether it is a share, and the logged numbers in it with their names and colours."""


def curves(folder: StageFolder) -> list[TrainingCurve]:
    """The curves of a stage, those of which anything was logged."""
    logged = list(folder.logged())
    found = [
        TrainingCurve(key, title, [line for line in (_line(logged, *each) for each in numbers) if line.steps], percent)
        for key, title, percent, numbers in _CURVES
    ]
    return [curve for curve in found if curve.lines]


def _line(logged: Sequence[Json], key: str, name: str, colour: str) -> Line:
    seen = [(line["step"], float(line[key])) for line in logged if isinstance(line.get(key), int | float)]
    return Line(name, [step for step, _ in seen], [value for _, value in seen], colour)


def figure(curve: TrainingCurve) -> Json:
    """The curve as a Plotly figure: every step as a thin line, and their running mean."""
    scale = 100 if curve.percent else 1
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
        "yaxis": {**axis, "rangemode": "tozero" if curve.percent else "normal"},
    }
    return {"data": traces, "layout": layout}


def _traces(line: Line, scale: float) -> Iterator[Json]:
    steps, values = _thinned(line)
    values = values * scale
    plain = {"type": "scatter", "x": steps.tolist(), "name": line.name}
    if len(values) < 3 * WINDOWS:
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
    yield plain | {"mode": "lines", "y": _rounded(_running(values)), "line": {"color": line.colour, "width": 2}}


def _thinned(line: Line) -> tuple[Any, Any]:
    """At most `POINTS` points, each the mean of as many neighbouring steps."""
    each = -(-len(line.steps) // POINTS)
    cuts = range(0, len(line.steps), each)
    steps = np.array([line.steps[min(cut + each, len(line.steps)) - 1] for cut in cuts])
    return steps, np.array([np.mean(line.values[cut : cut + each]) for cut in cuts])


def _running(values: Any) -> Any:
    """Mean over a centred window of a twentieth of the line, narrower at its ends."""
    half = max(1, len(values) // 40)
    sums = np.concatenate([[0.0], np.cumsum(values)])
    at = np.arange(len(values))
    low, high = np.maximum(at - half, 0), np.minimum(at + half + 1, len(values))
    return (sums[high] - sums[low]) / (high - low)


def _rounded(values: Any) -> list[float]:
    return [float(f"{value:.5g}") for value in values]


def windows(curve: TrainingCurve) -> list[list[str]]:
    """The same as a table: for each line, means, lowest and highest over equal parts of its steps."""
    rows = []
    for line in curve.lines:
        for part in np.array_split(np.arange(len(line.steps)), min(WINDOWS, len(line.steps))):
            values = [line.values[place] for place in part]
            first, last = line.steps[part[0]], line.steps[part[-1]]
            span = f"{first}" if first == last else f"{first} to {last}"
            rows.append(
                [
                    line.name,
                    span,
                    *(said(value, curve.percent) for value in (np.mean(values), min(values), max(values))),
                ]
            )
    return rows


def said(value: float, percent: bool) -> str:
    """A value as a reader wants it."""
    return f"{100 * value:.1f}" if percent else f"{value:.4g}"
