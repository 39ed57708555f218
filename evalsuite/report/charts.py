"""The report's charts as Plotly figures; colours are roles (`$ink`, `$accent`, ...) that the page replaces."""

from __future__ import annotations

import html
import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from evalsuite.analysis.leaderboard import TRIVIAL, Leaderboard, LeaderboardRow
from evalsuite.stats.calibration import Calibration
from evalsuite.util.format import p_value, percent, points

Json = dict[str, Any]
_ROW = 26
"""Height of a row in pixels."""
_LONGEST_NAME = 44
_MOST_HORIZONTAL = 6
"""Most subgroups whose names fit above their columns; with more, the names are vertical."""


def label(name: str) -> str:
    """Return a name for a chart: escaped, for Plotly has markup of its own, and short enough for an axis."""
    short = name if len(name) <= _LONGEST_NAME else f"{name[: _LONGEST_NAME - 1]}…"
    return html.escape(" ".join(short.split()), quote=False)


def forest(contrasts: Sequence[Json], names: Mapping[str, str], reference: str) -> Json:
    """Draw the differences from the reference with their intervals; hollow points are not significant."""
    rows = sorted(contrasts, key=lambda each: each["value"])
    differences = [100 * each["value"] for each in rows]
    hover = [
        f"{label(names[each['row']])}<br>{points(each['value'])} points "
        f"[{points(each['low'])}, {points(each['high'])}]<br>p (Holm) {p_value(each['p_holm'])}<br>"
        f"only this right: {each['only_row']:g} · only the reference: {each['only_reference']:g}"
        for each in rows
    ]
    trace = {
        "type": "scatter",
        "mode": "markers",
        "x": differences,
        "y": list(range(len(rows))),
        "error_x": {
            "type": "data",
            "symmetric": False,
            "array": [100 * (each["high"] - each["value"]) for each in rows],
            "arrayminus": [100 * (each["value"] - each["low"]) for each in rows],
            "color": "$ink",
            "thickness": 1.4,
            "width": 0,
        },
        "marker": {
            "size": 9,
            "color": ["$accent" if each["significant"] else "$paper" for each in rows],
            "line": {"width": 1.6, "color": "$accent"},
        },
        "text": hover,
        "hoverinfo": "text",
    }
    layout = _layout(_ROW * len(rows) + 74, "difference in percentage points")
    layout["xaxis"] |= {"zeroline": True, "zerolinecolor": "$ink", "zerolinewidth": 1, "rangemode": "tozero"}
    layout["yaxis"] = _names([names[each["row"]] for each in rows])
    layout["title"] = {"text": f"compared with {label(reference)}", "font": {"size": 13}, "x": 0, "xanchor": "left"}
    return {"data": [trace], "layout": layout}


def heat(table: Json, names: Mapping[str, str]) -> Json:
    """Draw accuracy by subgroup: one row per run, one column per subgroup."""
    runs, groups = table["runs"][::-1], table["groups"]
    values = [[100 * cell["value"] for cell in run["cells"]] for run in runs]
    hover = [
        [
            f"{label(names[run['row']])}<br>{label(group['name'])}, {group['n']} items<br>{percent(cell['value'])}% "
            f"[{percent(cell['low'])}, {percent(cell['high'])}]"
            for group, cell in zip(groups, run["cells"], strict=True)
        ]
        for run in runs
    ]
    trace = {
        "type": "heatmap",
        "z": values,
        "x": list(range(len(groups))),
        "y": list(range(len(runs))),
        "zmin": 0,
        "zmax": 100,
        "colorscale": [[0, "$cold"], [1, "$hot"]],
        "showscale": False,
        "xgap": 1,
        "ygap": 1,
        "text": hover,
        "hoverinfo": "text",
        "texttemplate": "%{z:.0f}",
        "textfont": {"size": 11, "color": "$ink"},
    }
    vertical = len(groups) > _MOST_HORIZONTAL
    ticks = [_wrapped(group["name"], group["n"], vertical) for group in groups]
    deep = (
        max(len(group["name"]) for group in groups) * 7 + 40
        if vertical
        else 16 * max(t.count("<br>") + 2 for t in ticks)
    )
    layout = _layout(_ROW * len(runs) + deep, "")
    layout["xaxis"] = {
        "tickvals": list(range(len(groups))),
        "ticktext": ticks,
        "tickangle": -90 if vertical else 0,
        "automargin": True,
        "side": "top",
        "showgrid": False,
        "fixedrange": True,
        "zeroline": False,
        "ticks": "",
    }
    layout["yaxis"] = _names([names[run["row"]] for run in runs])
    layout["margin"] = {"l": 8, "r": 8, "t": 8, "b": 8}
    return {"data": [trace], "layout": layout, "minWidth": 170 + (34 if vertical else 90) * len(groups)}


def stage_lines(stages: Json, board: Leaderboard) -> Json:
    """Draw accuracy from stage to stage: the average with its interval, each column as a thin line."""
    rows = {row.entry.id: row for row in board.rows}
    chosen = [rows[id] for id in stages["rows"]]
    places = list(range(len(chosen)))
    traces = [_thin(column.title, [_accuracy(row, column.key) for row in chosen]) for column in board.columns]
    estimates = [row.macro for row in chosen]
    if len(board.macro_columns) > 1 and all(estimates):
        traces.append(
            {
                "type": "scatter",
                "mode": "lines+markers+text",
                "name": "average",
                "x": places,
                "y": [100 * e.value for e in estimates if e],
                "text": [percent(e.value) for e in estimates[:-1] if e] + [""],
                "textposition": "bottom right",
                "error_y": {
                    "type": "data",
                    "symmetric": False,
                    "array": [100 * (e.high - e.value) for e in estimates if e],
                    "arrayminus": [100 * (e.value - e.low) for e in estimates if e],
                    "color": "$accent",
                    "thickness": 1.4,
                    "width": 0,
                },
                "line": {"color": "$accent", "width": 2.5},
                "marker": {"size": 8},
            }
        )
    layout = _layout(420, "")
    layout["xaxis"] |= {"tickvals": places, "ticktext": [label(name) for name in stages["names"]]}
    layout["xaxis"] |= {"range": [-0.3, len(chosen) - 0.4 + 0.25 * (len(chosen) - 1)], "showgrid": False}
    layout["yaxis"] = _values("accuracy, %")
    layout["annotations"] = _end_labels(traces)
    return {"data": traces, "layout": layout}


def lengths(boxes: Sequence[Json], names: Mapping[str, str]) -> Json:
    """Draw the lengths of right and of wrong responses: quartiles, median, and whiskers from 5% to 95%."""
    ids = list(dict.fromkeys(box["row"] for box in boxes))[::-1]
    traces = []
    for kind, colour in (("wrong", "$warn"), ("right", "$accent")):
        chosen = [box for box in boxes if box["kind"] == kind]
        traces.append(
            {
                "type": "box",
                "orientation": "h",
                "name": kind,
                "y": [ids.index(box["row"]) for box in chosen],
                **{name: [box[name] for box in chosen] for name in ("lowerfence", "q1", "median", "q3", "upperfence")},
                "line": {"color": colour, "width": 1.3},
                "fillcolor": "rgba(0,0,0,0)",
                "hoverinfo": "x+name",
            }
        )
    layout = _layout(44 * len(ids) + 110, "characters of a response (log scale)")
    layout["xaxis"] |= {"type": "log", "dtick": 1}
    layout["yaxis"] = _names([names[id] for id in ids])
    layout |= {"boxmode": "group", "showlegend": True, "legend": {"orientation": "h", "y": 1.0, "yanchor": "bottom"}}
    layout["legend"]["traceorder"] = "reversed"
    return {"data": traces, "layout": layout}


def reliability(found: Sequence[tuple[str, Calibration]]) -> Json:
    """Draw accuracy against confidence, in bins; on the diagonal a model is calibrated."""
    diagonal = {"type": "scatter", "mode": "lines", "x": [0, 1], "y": [0, 1], "hoverinfo": "skip", "showlegend": False}
    traces: list[Json] = [diagonal | {"line": {"color": "$muted", "width": 1, "dash": "dot"}}]
    for place, (name, each) in enumerate(found):
        colour = f"$series{place % 6}"
        traces.append(
            {
                "type": "scatter",
                "mode": "lines+markers",
                "name": label(name),
                "x": [one.confidence for one in each.bins],
                "y": [one.accuracy.value for one in each.bins],
                "error_y": {
                    "type": "data",
                    "symmetric": False,
                    "array": [one.accuracy.high - one.accuracy.value for one in each.bins],
                    "arrayminus": [one.accuracy.value - one.accuracy.low for one in each.bins],
                    "color": colour,
                    "thickness": 1.2,
                    "width": 0,
                },
                "text": [f"{one.items} items" for one in each.bins],
                "line": {"color": colour, "width": 1.5},
            }
        )
    layout = _layout(480, "confidence: share of an item's samples that agree")
    layout["xaxis"] |= {"range": [0, 1.03]}
    layout["yaxis"] = _values("share right") | {"range": [0, 1.03]}
    layout |= {"showlegend": True, "legend": {"orientation": "h", "y": 1.0, "yanchor": "bottom"}}
    return {"data": traces, "layout": layout, "maxWidth": 620}


def length_boxes(board: Leaderboard, key: str, lengths: Mapping[tuple[str, str], Any]) -> list[Json]:
    """Return quantiles of response lengths by run and verdict, for the runs whose responses are available."""
    task, boxes = board.column(key).task, []
    verdict = "correct" if board.parse_mode == "strict" else "correct_lenient"
    for row in board.rows:
        if (row.entry.id, task) not in lengths or key not in row.cells or row.size == TRIVIAL:
            continue
        right = board.scores[row.entry.id, task].table[verdict].to_numpy(zero_copy_only=False)
        size = lengths[row.entry.id, task]
        for kind, chosen in (("right", size[right & (size > 0)]), ("wrong", size[~right & (size > 0)])):
            if len(chosen):
                ends = np.quantile(chosen, (0.05, 0.25, 0.5, 0.75, 0.95)).round(1).tolist()
                named = zip(("lowerfence", "q1", "median", "q3", "upperfence"), ends, strict=True)
                boxes.append({"row": row.entry.id, "kind": kind, "n": len(chosen), **dict(named)})
    return boxes


def _wrapped(name: str, count: int, vertical: bool) -> str:
    """Return a subgroup's name with its number of items, wrapped to the width of its column."""
    if vertical:
        return f"{label(name)} ({count:,})"
    lines = textwrap.wrap(name.replace("_", "_ ").replace("-", "- "), 18) or [name]
    parts = [label(line.replace("_ ", "_").replace("- ", "-")) for line in lines]
    return "<br>".join([*parts, f"({count:,})"])


def _accuracy(row: LeaderboardRow, key: str) -> float | None:
    return round(100 * row.cells[key].accuracy.value, 2) if key in row.cells else None


def _thin(title: str, values: list[float | None]) -> Json:
    return {
        "type": "scatter",
        "mode": "lines+markers",
        "name": label(title),
        "x": list(range(len(values))),
        "y": values,
        "line": {"color": "$muted", "width": 1},
        "marker": {"size": 4},
    }


def _end_labels(traces: Sequence[Json]) -> list[Json]:
    """Name each line at its end; names that would overlap are moved apart."""
    ends = sorted((t["y"][-1], t["name"]) for t in traces if t["y"][-1] is not None)
    span = max((v for t in traces for v in t["y"] if v is not None), default=1.0) - min(
        (v for t in traces for v in t["y"] if v is not None), default=0.0
    )
    least, below = span / 20, -1e9
    labels = []
    for value, name in ends:
        height = max(value, below + least)
        below = height
        colour = "$accent" if name == "average" else "$muted"
        labels.append(
            {
                "x": len(traces[0]["y"]) - 1,
                "y": height,
                "text": f"{name} {value:.1f}",
                "xanchor": "left",
                "xshift": 10,
                "showarrow": False,
                "font": {"color": colour, "size": 12},
            }
        )
    return labels


def _layout(height: int, title: str) -> Json:
    return {
        "height": max(height, 130),
        "showlegend": False,
        "margin": {"l": 8, "r": 16, "t": 34, "b": 44},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "font": {"color": "$ink", "size": 12},
        "hoverlabel": {"bgcolor": "$paper", "bordercolor": "$grid", "font": {"color": "$ink"}},
        "xaxis": {
            "title": {"text": title, "font": {"size": 12, "color": "$muted"}},
            "gridcolor": "$grid",
            "zeroline": False,
            "fixedrange": True,
            "automargin": True,
        },
    }


def _values(title: str) -> Json:
    return {
        "title": {"text": title, "font": {"size": 12, "color": "$muted"}},
        "gridcolor": "$grid",
        "zeroline": False,
        "fixedrange": True,
        "automargin": True,
    }


def _names(names: Sequence[str]) -> Json:
    return {
        "tickvals": list(range(len(names))),
        "ticktext": [label(name) for name in names],
        "range": [-0.6, len(names) - 0.4],
        "automargin": True,
        "showgrid": False,
        "zeroline": False,
        "fixedrange": True,
        "ticks": "",
    }
