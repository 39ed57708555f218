"""The stages as rows of a page: what they are, how far they have come, what they were measured to be."""

from __future__ import annotations

from typing import Any, NamedTuple

from evalsuite.report.charts import label
from evalsuite.run.progress import clock
from evalsuite.util.format import p_value, percent, points
from training.promotion.verdict import verdict_of
from training.recipe import Stage
from training.report.stage_table import StageRow, rows
from training.run_folder import StageFolder, TrainingFolder
from training.run_spec import TrainingSpec

Json = dict[str, Any]


class StageSection(NamedTuple):
    """A stage."""

    name: str
    kind: str
    state: str
    steps: str
    time: str
    said: str
    """Why it was promoted or refused, in one sentence."""
    measured: list[StageRow]
    folder: StageFolder


def stage_sections(run: TrainingFolder, spec: TrainingSpec) -> list[StageSection]:
    """A sheet for each stage of the recipe, in order."""
    found = rows(run, spec)
    return [
        _sheet(stage, folder, [row for row in found if row.stage == folder.path.name])
        for stage, folder in zip(spec.recipe.stages, spec.stages(run), strict=True)
    ]


def _sheet(stage: Stage, folder: StageFolder, measured: list[StageRow]) -> StageSection:
    facts = folder.read("stage.json")
    done = facts.get("steps") or next((line["step"] for line in reversed(list(folder.logged()))), 0)
    planned, said = facts.get("max_steps"), verdict_of(folder).said
    return StageSection(
        name=folder.path.name,
        kind=stage.kind,
        state=folder.state,
        steps=f"{done:,} of {planned:,}" if planned and planned != done else f"{done:,}",
        time=clock(facts["seconds"]) if "seconds" in facts else "–",
        said=said[:1].upper() + said[1:],
        measured=measured,
        folder=folder,
    )


def cells(row: StageRow) -> Json:
    """A measured row's figures as text."""
    accuracy, difference = row.accuracy, row.difference
    return {
        "task": row.task,
        "items": f"{row.n:,}" if row.samples == 1 else f"{row.n:,} × {row.samples}",
        "before": percent(row.before),
        "accuracy": percent(accuracy.value),
        "accuracy_ends": f"{percent(accuracy.low)}–{percent(accuracy.high)}",
        "difference": points(difference.value),
        "difference_ends": f"{points(difference.low)} to {points(difference.high)}",
        "p": p_value(row.p),
    }


def dumbbells(found: list[StageSection]) -> Json | None:
    """Accuracy before and after each stage as a Plotly figure; None where nothing was measured."""
    measured = [row for sheet in found for row in sheet.measured][::-1]
    if not measured:
        return None
    places = list(range(len(measured)))
    colours = ["$accent" if row.promoted else "$warn" for row in measured]
    before = {
        "type": "scatter",
        "mode": "markers",
        "name": "before",
        "x": [round(100 * row.before, 2) for row in measured],
        "y": places,
        "marker": {"size": 9, "color": "$paper", "line": {"width": 1.6, "color": "$muted"}},
        "hovertemplate": "before: %{x:.1f}%<extra></extra>",
    }
    after = {
        "type": "scatter",
        "mode": "markers",
        "name": "after",
        "x": [round(100 * row.accuracy.value, 2) for row in measured],
        "y": places,
        "error_x": {
            "type": "data",
            "symmetric": False,
            "array": [round(100 * (row.accuracy.high - row.accuracy.value), 2) for row in measured],
            "arrayminus": [round(100 * (row.accuracy.value - row.accuracy.low), 2) for row in measured],
            "color": "$ink",
            "thickness": 1.4,
            "width": 0,
        },
        "marker": {"size": 9, "color": colours},
        "hovertemplate": "after: %{x:.1f}%<extra></extra>",
    }
    strokes = [
        {
            "type": "line",
            "layer": "below",
            "x0": 100 * row.before,
            "x1": 100 * row.accuracy.value,
            "y0": place,
            "y1": place,
            "line": {"color": "$line", "width": 3},
        }
        for place, row in enumerate(measured)
    ]
    layout = {
        "height": 26 * len(measured) + 86,
        "showlegend": False,
        "margin": {"l": 8, "r": 16, "t": 12, "b": 44},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "font": {"color": "$ink", "size": 12},
        "hoverlabel": {"bgcolor": "$paper", "bordercolor": "$grid", "font": {"color": "$ink"}},
        "shapes": strokes,
        "xaxis": {
            "title": {"text": "accuracy, %", "font": {"size": 12, "color": "$muted"}},
            "range": [-2, 102],
            "gridcolor": "$grid",
            "zeroline": False,
            "fixedrange": True,
        },
        "yaxis": {
            "tickvals": places,
            "ticktext": [label(f"{row.stage} · {row.task}") for row in measured],
            "range": [-0.6, len(measured) - 0.4],
            "automargin": True,
            "showgrid": False,
            "zeroline": False,
            "fixedrange": True,
            "ticks": "",
        },
    }
    return {"data": [before, after], "layout": layout}
