"""Renders the model card of an export: the model, its accuracy, its origin, and what it must not be used for."""

from __future__ import annotations

from typing import Final

from evalsuite.util.markdown import code, plain, table
from training.data.manifest import Manifest
from training.promotion.verdict import read_verdict
from training.report.stage_table import TABLE_NOTE, markdown_table, stage_rows
from training.run_folder import TrainingFolder
from training.run_spec import TrainingSpec

_NOT_FOR: Final = """\
It answers examination questions, and that is all that was measured. It is not a medical device and was not examined as
one: not for diagnosis, not for treatment, not for advice to a patient, not without a clinician who is responsible for
every word. Its reasoning is text that led to rewarded answers; nothing shows that it is the cause of an answer. A gain
on these items is not a gain on others, in another language, or for people whom they leave out.
"""


def model_card(run: TrainingFolder, spec: TrainingSpec, manifest: Manifest) -> str:
    """Return the content of an export's README.md."""
    parts = [
        f"---\n{_metadata(spec)}\n---\n",
        f"# {plain(spec.recipe.name)}\n\n{plain(spec.recipe.about)}\n\nSource: {plain(spec.recipe.source)}.\n",
        f"## Accuracy\n\n{markdown_table(stage_rows(run, spec))}\n{TABLE_NOTE} "
        "By the strict parse an answer that isn't in the requested format is wrong.\n",
        f"## The gates\n\n{_gates(run, spec)}",
        f"## Base model and data\n\nBase model: {code(_base(spec))}.\n\n{_data(manifest)}",
        f"## Benchmark items in the training data\n\n{_overlap(manifest)}",
        f"## Recipe\n\n{_recipe(spec)}\nEvery setting: `recipe.json`. Every file with its sha256, every version: "
        "`manifest.json`, which `evalsuite train verify manifest.json` checks.\n",
        f"## What it is not for\n\n{_NOT_FOR}",
    ]
    return "\n".join(parts)


def _metadata(spec: TrainingSpec) -> str:
    """Return the card's metadata as the hub reads it."""
    from huggingface_hub import ModelCardData

    hub = spec.recipe.base.model
    # The hub links `base_model` to a repository; a folder is none.
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
        state, reason = folder.state, read_verdict(folder).reason
        explained = f": {plain(reason)}" if reason else ", not finished when this was exported"
        lines.append(f"- {plain(folder.path.name)}: {state}{explained}\n")
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


def _overlap(manifest: Manifest) -> str:
    lines = [
        (plain(stage), code(task), f"{found['searched']:,}", f"{len(found['found']):,}")
        for stage, tasks in manifest.made_by["benchmark_overlap"].items()
        for task, found in tasks.items()
    ]
    if not lines:
        return "The training data of these stages were compared with no benchmark.\n"
    listed = table(("stage", "benchmark", "items searched for", "items found"), lines, left=2)
    return f"{listed}\nOther benchmarks: `evalsuite data overlap` with the data of each stage.\n"


def _recipe(spec: TrainingSpec) -> str:
    lora = spec.recipe.lora
    shape = "all weights" if lora is None else f"LoRA, r {lora.r}, alpha {lora.alpha}, dropout {lora.dropout:g}"
    head = f"{shape}; seed {spec.recipe.seed}.\n\n"
    lines = [
        (plain(stage.name), stage.kind, f"{stage.optimiser.learning_rate:g}", stage.optimiser.schedule)
        for stage in spec.recipe.stages
    ]
    return head + table(("stage", "kind", "learning rate", "schedule"), lines, left=2)
