"""The report as Markdown."""

from __future__ import annotations

from evalsuite.util.markdown import plain, table
from training.report import stage_table as stage_table
from training.report.stage_sections import StageSection, stage_sections
from training.report.training_curves import curves, said
from training.run_folder import TrainingFolder
from training.run_spec import TrainingSpec

READ = (
    "In percent and points, strict parse. Accuracy with its 95% interval; the difference is to the last good model "
    "before the stage, paired on the same items, its p of the two-sided sign-flip test adjusted by Holm over all rows."
)
CONTROL = "This is the control: the reward was a seeded coin. A gain that it shows, too, is none of the reward's."


def markdown(run: TrainingFolder, spec: TrainingSpec) -> str:
    """The stage table, why each stage was promoted or refused, and each curve's beginning and end."""
    found = stage_sections(run, spec)
    measured = [row for sheet in found for row in sheet.measured]
    parts = [
        f"# {plain(spec.recipe.name)}\n\n{plain(spec.recipe.about)}\n",
        f"**{CONTROL}**\n" if spec.control else "",
        table(
            ("stage", "kind", "state", "steps", "time"),
            [(plain(each.name), each.kind, each.state, each.steps, each.time) for each in found],
            left=3,
        ),
        "".join(f"- {plain(each.name)}, {each.state}: {plain(each.said)}\n" for each in found if each.said),
        f"## What the stages were measured to be\n\n{stage_table.markdown(measured)}\n{READ}\n" if measured else "",
        *(_curves(each) for each in found),
    ]
    return "\n".join(part for part in parts if part)


def _curves(sheet: StageSection) -> str:
    lines = [
        (curve.title, line.name, *(said(value, curve.percent) for value in (line.values[0], line.values[-1])), span)
        for curve in curves(sheet.folder)
        for line in curve.lines
        for span in [f"{said(min(line.values), curve.percent)} to {said(max(line.values), curve.percent)}"]
    ]
    if not lines:
        return ""
    return f"## {plain(sheet.name)}\n\n" + table(("curve", "line", "first step", "last step", "range"), lines, left=2)
