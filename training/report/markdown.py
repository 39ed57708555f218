"""Renders report.md of a training run."""

from __future__ import annotations

from typing import Final

from evalsuite.util.markdown import plain, table
from training.report.stage_sections import StageSection, stage_sections
from training.report.stage_table import TABLE_NOTE, markdown_table
from training.report.training_curves import curves, format_value
from training.run_folder import TrainingFolder
from training.run_spec import TrainingSpec

CONTROL_NOTE: Final = (
    "This is the control: rewards were random. A gain that the control shows as well is not due to the reward."
)


def markdown(run: TrainingFolder, spec: TrainingSpec) -> str:
    """Return the stage table, why each stage was promoted or refused, and each curve's first and last values."""
    stages = stage_sections(run, spec)
    rows = [row for stage in stages for row in stage.rows]
    parts = [
        f"# {plain(spec.recipe.name)}\n\n{plain(spec.recipe.about)}\n",
        f"**{CONTROL_NOTE}**\n" if spec.control else "",
        table(
            ("stage", "kind", "state", "steps", "time"),
            [(plain(each.name), each.kind, each.state, each.steps, each.time) for each in stages],
            left=3,
        ),
        "".join(f"- {plain(each.name)}, {each.state}: {plain(each.reason)}\n" for each in stages if each.reason),
        f"## Accuracy before and after each stage\n\n{markdown_table(rows)}\n{TABLE_NOTE}\n" if rows else "",
        *(_curves(each) for each in stages),
    ]
    return "\n".join(part for part in parts if part)


def _curves(stage: StageSection) -> str:
    lines = [
        (
            curve.title,
            line.name,
            *(format_value(value, curve.in_percent) for value in (line.values[0], line.values[-1])),
            span,
        )
        for curve in curves(stage.folder)
        for line in curve.lines
        for span in [
            f"{format_value(min(line.values), curve.in_percent)} to {format_value(max(line.values), curve.in_percent)}"
        ]
    ]
    if not lines:
        return ""
    return f"## {plain(stage.name)}\n\n" + table(("curve", "line", "first step", "last step", "range"), lines, left=2)
