"""report.html of a training run: one file that loads nothing, in the look of evalsuite's reports."""

from __future__ import annotations

import hashlib
from importlib.resources import files
from typing import Any

from evalsuite import __version__
from evalsuite.report.html_page import asset, environment, plotly
from evalsuite.report.script_json import script_json
from training.report.markdown import CONTROL, READ
from training.report.stage_sections import StageSection, cells, dumbbells, stage_sections
from training.report.training_curves import TrainingCurve, curves, figure, windows
from training.run_folder import TrainingFolder
from training.run_spec import TrainingSpec

Json = dict[str, Any]


def page(run: TrainingFolder, spec: TrainingSpec) -> bytes:
    """Render the page; its scripts carry a nonce made from its content, which its policy demands."""
    found = stage_sections(run, spec)
    measured = dumbbells(found)
    panels = {sheet.name: [_panel(sheet, curve) for curve in curves(sheet.folder)] for sheet in found}
    sections = [] if measured is None else [_measured(measured)]
    sections += [panel for own in panels.values() for panel in own]
    data = script_json({"sections": sections})
    script = "\n".join((asset("dom.js"), asset("plates.js"), _own("main.js")))
    text = (
        environment()
        .from_string(_own("report.html.j2"))
        .render(
            recipe=spec.recipe,
            control=CONTROL if spec.control else "",
            sheets=[(sheet, [cells(row) for row in sheet.measured]) for sheet in found],
            read=READ,
            measured=measured is not None,
            panels=panels,
            version=__version__,
            nonce=hashlib.sha256(data + script.encode()).hexdigest()[:32],
            style=asset("report.css") + _own("training.css"),
            script=script,
            plotly=plotly() if sections else "",
            data=data.decode("utf-8"),
        )
    )
    return text.encode("utf-8", "backslashreplace")


def _own(name: str) -> str:
    return (files("training.report") / "assets" / name).read_text("utf-8")


def _measured(drawn: Json) -> Json:
    plate = {
        "title": "",
        "alt": "Accuracy before and after each stage",
        "figure": drawn,
        "head": [],
        "rows": [],
        "note": "",
    }
    return {"id": "measured", "plates": [plate]}


def _panel(sheet: StageSection, curve: TrainingCurve) -> Json:
    plate = {
        "title": curve.title,
        "alt": f"{curve.title}, by step of {sheet.name}",
        "figure": figure(curve),
        "head": ["line", "steps", "mean", "lowest", "highest"],
        "rows": windows(curve),
        "note": "",
    }
    return {"id": f"{sheet.name}-{curve.key}", "title": curve.title, "plates": [plate]}
