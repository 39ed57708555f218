"""Renders report.html of a training run: one file that loads nothing, in the style of evalsuite's reports."""

from __future__ import annotations

import hashlib
from importlib.resources import files
from typing import Any

from evalsuite.report.html_page import asset, environment, plotly
from evalsuite.report.script_json import script_json
from evalsuite.version import __version__
from training.report.markdown import CONTROL_NOTE
from training.report.stage_sections import StageSection, accuracy_chart, cells, stage_sections
from training.report.stage_table import TABLE_NOTE
from training.report.training_curves import TrainingCurve, curves, figure, summary_rows
from training.run_folder import TrainingFolder
from training.run_spec import TrainingSpec

Json = dict[str, Any]


def html_page(run: TrainingFolder, spec: TrainingSpec) -> bytes:
    """Render the page.

    Its scripts carry a nonce, which its content security policy demands. The nonce is a digest of the content, so that
    the same run gives the same bytes.
    """
    stages = stage_sections(run, spec)
    accuracies = accuracy_chart(stages)
    panels = {stage.name: [_panel(stage, curve) for curve in curves(stage.folder)] for stage in stages}
    sections = [] if accuracies is None else [_accuracy_section(accuracies)]
    sections += [panel for of_stage in panels.values() for panel in of_stage]
    data = script_json({"sections": sections})
    script = "\n".join((asset("dom.js"), asset("charts.js"), _asset("main.js")))
    text = (
        environment()
        .from_string(_asset("report.html.j2"))
        .render(
            recipe=spec.recipe,
            control=CONTROL_NOTE if spec.control else "",
            stages=[(stage, [cells(row) for row in stage.rows]) for stage in stages],
            table_note=TABLE_NOTE,
            measured=accuracies is not None,
            panels=panels,
            version=__version__,
            nonce=hashlib.sha256(data + script.encode()).hexdigest()[:32],
            style=asset("report.css") + _asset("training.css"),
            script=script,
            plotly=plotly() if sections else "",  # several megabytes, which a page without plots can do without
            data=data.decode("utf-8"),
        )
    )
    return text.encode("utf-8", "backslashreplace")  # reasons may quote completions, with lone surrogates


def _asset(name: str) -> str:
    return (files("training.report") / "assets" / name).read_text("utf-8")


def _accuracy_section(chart: Json) -> Json:
    chart = {
        "title": "",
        "alt": "Accuracy before and after each stage",
        "figure": chart,
        "head": [],
        "rows": [],
        "note": "",
    }
    return {"id": "accuracy", "charts": [chart]}


def _panel(stage: StageSection, curve: TrainingCurve) -> Json:
    chart = {
        "title": curve.title,
        "alt": f"{curve.title}, by step of {stage.name}",
        "figure": figure(curve),
        "head": ["line", "steps", "mean", "lowest", "highest"],
        "rows": summary_rows(curve),
        "note": "",
    }
    return {"id": f"{stage.name}-{curve.key}", "title": curve.title, "charts": [chart]}
