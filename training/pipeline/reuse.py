"""Copies finished stages from another run into a new one that would train them identically."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Final

from evalsuite.errors import ErrorCode, RunError, UsageError
from evalsuite.util.atomic_write import atomic_folder
from training.data.manifest import read_manifest
from training.recipe import Stage
from training.run_folder import StageFolder, TrainingFolder
from training.run_spec import TrainingSpec, data_of, read_spec, reused_from

_RECIPE_KEYS: Final = ("base", "lora", "world", "seed", "threads")
"""Keys of a recipe, besides its stages and devices, that shape a stage's weights.

`hardware.gpu` and `hardware.utilisation` are not among them: only the plan reads them.
"""


def reusable_stages(source: TrainingFolder, run: TrainingFolder, spec: TrainingSpec) -> list[StageFolder]:
    """Return the first stages of `source` that are promoted and that `spec` would train identically.

    Identical means: the same base model, adapter, world, seeds and number of devices, every setting of the stage, the
    manifest of its data (the data of a world are copied too), and for grpo whether rewards are random. A stage starts
    from the one before it, so the first that differs ends the list. An empty list is a `UsageError` that says why.
    """
    source_spec = read_spec(source)
    if source.path == run.path:
        message = f"`reuse_from`: {source.path} is the run itself; leave it out to resume the run"
        raise UsageError(ErrorCode.CONFLICTING_ARGUMENTS, message)
    difference = _recipe_difference(source_spec, spec)
    if difference is not None:
        message = f"`reuse_from`: {source.path} has another {difference} than this run: no stage can be reused"
        raise UsageError(ErrorCode.STAGES_NOT_REUSABLE, message)
    reusable: list[StageFolder] = []
    for number, stage in enumerate(spec.recipe.stages, 1):
        folder = source.stage(number, stage.name)
        obstacle = _obstacle(folder, source_spec, stage, spec, data_of(run, spec))
        if obstacle is not None and not reusable:
            message = f"`reuse_from`: {folder.path} {obstacle}: no stage can be reused"
            raise UsageError(ErrorCode.STAGES_NOT_REUSABLE, message)
        if obstacle is not None:
            break
        reusable.append(folder)
    return reusable


def reuse_stages(run: TrainingFolder, spec: TrainingSpec, report: Callable[[str], None]) -> None:
    """Copy the stages that run.json names, with the evaluations; what is there already is left as it is.

    Which stages are reused was decided when run.json was written: what the other run has promoted since doesn't count,
    so that a run has one history. Each folder appears once it is complete; after a kill the next call copies the rest.
    """
    reused = reused_from(run)
    known = {str(folder.path.relative_to(run.path)) for folder in spec.stages(run)}
    if reused is not None and not known.issuperset(reused.stages):
        raise RunError(ErrorCode.RUN_UNREADABLE, f"{run.path}: run.json reuses what is no stage of it; was it edited?")
    missing = [] if reused is None else [name for name in reused.stages if not (run.path / name).exists()]
    if reused is None or not missing:
        return
    source = TrainingFolder(reused.run)
    try:
        # Stages come last: one that is there says that all it depends on is there too.
        if spec.recipe.world is not None:
            _copy(source.data, run.data)
        for evaluation in source.evaluations.iterdir():
            _copy(evaluation, run.evaluations / evaluation.name)
        for name in missing:
            _copy(source.path / name, run.path / name)
            report(f"{Path(name).name}: reused from {source.path}")
    except OSError as error:
        message = f"{run.path}: {source.path} can't be copied there: {error.strerror or error}"
        raise RunError(ErrorCode.OUTPUT_NOT_WRITABLE, message) from None


def _recipe_difference(source: TrainingSpec, spec: TrainingSpec) -> str | None:
    """Return what differs between two recipes, besides their stages, that shapes every stage's weights."""
    for key in _RECIPE_KEYS:
        if getattr(source.recipe, key) != getattr(spec.recipe, key):
            return key
    # The number of devices sets the size of a step and which rows a process draws.
    if source.recipe.hardware.devices != spec.recipe.hardware.devices:
        return "number of devices"
    # `./NAME` is a folder among the data, and equal names in two data folders need not be equal weights.
    if spec.recipe.base.model.startswith("./") and spec.recipe.world is None and source.data != spec.data:
        return "base model, a folder among the data,"
    return None


def _obstacle(folder: StageFolder, source: TrainingSpec, stage: Stage, spec: TrainingSpec, data: Path) -> str | None:
    """Return why a stage can't be reused; None if it can."""
    if folder.state != "promoted":
        return "is not promoted"
    if stage not in source.recipe.stages:
        return "has other settings than this recipe"
    if stage.kind == "grpo" and source.control != spec.control:
        return "was trained with random rewards" if source.control else "was not trained with random rewards"
    if spec.recipe.world is None:
        manifest = read_manifest(data / stage.data.folder)
        if folder.read("manifest.json") != manifest.to_json():
            return "was trained on other data"
    return None


def _copy(source: Path, target: Path) -> None:
    """Copy a folder without what only a running stage needs; the copy appears once it is complete."""
    if target.exists():
        return
    ignored = shutil.ignore_patterns("checkpoints", "cache", ".lock")
    with atomic_folder(target) as partial:
        shutil.copytree(source, partial, ignore=ignored, copy_function=_link_or_copy, dirs_exist_ok=True)


def _link_or_copy(source: str, target: str) -> None:
    """Link weights, which are gigabytes and never changed in place; copy the rest, and weights on another disk."""
    if source.endswith(".safetensors"):
        try:
            os.link(source, target)
            return
        except OSError:
            pass
    shutil.copy2(source, target)
