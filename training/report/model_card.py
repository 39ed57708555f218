"""The card of an exported model: what it is, what it was measured to do, what it was made from, what it is not for."""

from __future__ import annotations

from typing import Final

from evalsuite.util.markdown import code, plain, table
from training.data.manifest import Manifest
from training.promotion.verdict import verdict_of
from training.report.stage_table import markdown, rows
from training.run_folder import TrainingFolder
from training.run_spec import TrainingSpec

_NOT_FOR: Final = """\
It answers examination questions, and that is all that was measured. It is not a medical device and was not examined as
one: not for diagnosis, not for treatment, not for advice to a patient, not without a clinician who answers for every
word. Its reasoning is text that led to paid answers; nothing says that it is why an answer came out. A gain on these
items is no gain on others, in another language, or on people that they leave out.
"""
_READ: Final = """\
In percent and points, strict parse: an answer that isn't in the demanded form is wrong. Accuracy with its 95%
interval; the difference is to the last good model before the stage, paired on the same items, its p of the two-sided
sign-flip test adjusted by Holm over all rows.
"""


def card(run: TrainingFolder, spec: TrainingSpec, manifest: Manifest) -> str:
    """README.md of an export."""
    parts = [
        f"---\n{_front(spec)}\n---\n",
        f"# {plain(spec.recipe.name)}\n\n{plain(spec.recipe.about)}\n\nSource: {plain(spec.recipe.source)}.\n",
        f"## What it was measured to do\n\n{markdown(rows(run, spec))}\n{_READ}",
        f"## The gates\n\n{_gates(run, spec)}",
        f"## What it was made from\n\nBase model: {code(_base(spec))}.\n\n{_data(manifest)}",
        f"## Recipe\n\n{_recipe(spec)}\nEvery setting: `recipe.json`. Every file with its sha256, every version: "
        "`manifest.json`, which `evalsuite train verify manifest.json` checks.\n",
        f"## What it is not for\n\n{_NOT_FOR}",
    ]
    return "\n".join(parts)


def _front(spec: TrainingSpec) -> str:
    """The card's head, as the hub reads it."""
    from huggingface_hub import ModelCardData

    hub = spec.recipe.base.model
    base = None if hub.startswith((".", "/")) else hub
    data = ModelCardData(
        base_model=base, library_name="transformers", pipeline_tag="text-generation", license="other", tags=["medical"]
    )
    return str(data.to_yaml()).strip()


def _base(spec: TrainingSpec) -> str:
    base = spec.recipe.base
    return base.model if base.revision is None else f"{base.model}@{base.revision}"


def _gates(run: TrainingFolder, spec: TrainingSpec) -> str:
    lines = []
    for folder in spec.stages(run):
        state, verdict = folder.state, verdict_of(folder)
        said = f": {plain(verdict.said)}" if verdict.said else ", not ended when this was exported"
        lines.append(f"- {plain(folder.path.name)}: {state}{said}\n")
    return "".join(lines)


def _data(manifest: Manifest) -> str:
    lines = [
        (
            code(name),
            plain(source.licence),
            plain("; ".join(f"{each.name}: {each.kept:,} kept, {each.dropped:,} dropped" for each in source.filters)),
            f"{len(source.files):,}",
            f"{sum(file.rows for file in source.files):,}",
        )
        for name, source in manifest.sources.items()
    ]
    return table(("data", "licence", "filters", "files", "rows"), lines, left=3)


def _recipe(spec: TrainingSpec) -> str:
    lora = spec.recipe.lora
    shape = "all weights" if lora is None else f"LoRA, r {lora.r}, alpha {lora.alpha}, dropout {lora.dropout:g}"
    head = f"{shape}; seed {spec.recipe.seed}.\n\n"
    lines = [
        (plain(stage.name), stage.kind, f"{stage.optimiser.learning_rate:g}", stage.optimiser.schedule)
        for stage in spec.recipe.stages
    ]
    return head + table(("stage", "kind", "learning rate", "schedule"), lines, left=2)
