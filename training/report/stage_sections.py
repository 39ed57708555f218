"""The stages as sections of the report: kind, state, steps, time, verdict, and accuracy before and after."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from evalsuite.report.charts import label
from evalsuite.run.progress import clock
from evalsuite.util.format import p_value, percent, points
from training.promotion.verdict import read_verdict
from training.recipe import Stage
from training.report.stage_table import StageRow, items_text, stage_rows
from training.run_folder import StageFolder, TrainingFolder
from training.run_spec import TrainingSpec

Json = dict[str, Any]


class StageSection(NamedTuple):
    """One stage as the report shows it."""

    name: str
    kind: str
    state: str
    steps: str
    time: str
    reason: str
    """Why it was promoted or refused, in one sentence."""
    rows: list[StageRow]
    folder: StageFolder


def stage_sections(run: TrainingFolder, spec: TrainingSpec) -> list[StageSection]:
    """Return a section for each stage of the recipe, in order."""
    rows = stage_rows(run, spec)
    return [
        _section(stage, folder, [row for row in rows if row.stage == folder.path.name])
        for stage, folder in zip(spec.recipe.stages, spec.stages(run), strict=True)
    ]


def _section(stage: Stage, folder: StageFolder, rows: list[StageRow]) -> StageSection:
    facts = folder.read("stage.json")
    # stage.json has the number of steps once the stage is trained; until then the metrics have it.
    done = facts.get("steps") or max((line["step"] for line in folder.read_metrics()), default=0)
    planned, reason = facts.get("max_steps"), read_verdict(folder).reason
    return StageSection(
        name=folder.path.name,
        kind=stage.kind,
        state=folder.state,
        # A stage may end before its planned steps, by a plateau or by early stopping.
        steps=f"{done:,} of {planned:,}" if planned and planned != done else f"{done:,}",
        time=clock(facts["seconds"]) if "seconds" in facts else "–",
        reason=reason[:1].upper() + reason[1:],
        rows=rows,
        folder=folder,
    )


def cells(row: StageRow) -> Json:
    """Return the numbers of a row as text."""
    accuracy, difference = row.accuracy, row.difference
    return {
        "task": row.task,
        "items": items_text(row),
        "before": percent(row.before),
        "accuracy": percent(accuracy.value),
        "accuracy_ends": f"{percent(accuracy.low)}–{percent(accuracy.high)}",
        "difference": points(difference.value),
        "difference_ends": f"{points(difference.low)} to {points(difference.high)}",
        "p": p_value(row.p),
    }


def accuracy_chart(stages: Sequence[StageSection]) -> Json | None:
    """Return accuracy before and after each stage as a Plotly figure; None where no stage was evaluated."""
    rows = [row for stage in stages for row in stage.rows][::-1]  # Plotly draws the first row at the bottom
    if not rows:
        return None
    return {"data": [_before_markers(rows), _after_markers(rows)], "layout": _layout(rows)}


def _before_markers(rows: Sequence[StageRow]) -> Json:
    return {
        "type": "scatter",
        "mode": "markers",
        "name": "before",
        "x": [round(100 * row.before, 2) for row in rows],
        "y": list(range(len(rows))),
        "marker": {"size": 9, "color": "$paper", "line": {"width": 1.6, "color": "$muted"}},
        "hovertemplate": "before: %{x:.1f}%<extra></extra>",
    }


def _after_markers(rows: Sequence[StageRow]) -> Json:
    return {
        "type": "scatter",
        "mode": "markers",
        "name": "after",
        "x": [round(100 * row.accuracy.value, 2) for row in rows],
        "y": list(range(len(rows))),
        "error_x": {
            "type": "data",
            "symmetric": False,
            "array": [round(100 * (row.accuracy.high - row.accuracy.value), 2) for row in rows],
            "arrayminus": [round(100 * (row.accuracy.value - row.accuracy.low), 2) for row in rows],
            "color": "$ink",
            "thickness": 1.4,
            "width": 0,
        },
        "marker": {"size": 9, "color": ["$accent" if row.promoted else "$warn" for row in rows]},
        "hovertemplate": "after: %{x:.1f}%<extra></extra>",
    }


def _layout(rows: Sequence[StageRow]) -> Json:
    """Return the layout, with a line from the marker before to the marker after in each row."""
    lines = [
        {
            "type": "line",
            "layer": "below",
            "x0": 100 * row.before,
            "x1": 100 * row.accuracy.value,
            "y0": place,
            "y1": place,
            "line": {"color": "$line", "width": 3},
        }
        for place, row in enumerate(rows)
    ]
    return {
        "height": 26 * len(rows) + 86,
        "showlegend": False,
        "margin": {"l": 8, "r": 16, "t": 12, "b": 44},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "font": {"color": "$ink", "size": 12},
        "hoverlabel": {"bgcolor": "$paper", "bordercolor": "$grid", "font": {"color": "$ink"}},
        "shapes": lines,
        "xaxis": {
            "title": {"text": "accuracy, %", "font": {"size": 12, "color": "$muted"}},
            "range": [-2, 102],
            "gridcolor": "$grid",
            "zeroline": False,
            "fixedrange": True,
        },
        "yaxis": {
            "tickvals": list(range(len(rows))),
            "ticktext": [label(f"{row.stage} · {row.task}") for row in rows],
            "range": [-0.6, len(rows) - 0.4],
            "automargin": True,
            "showgrid": False,
            "zeroline": False,
            "fixedrange": True,
            "ticks": "",
        },
    }
