"""Stages that another run has promoted, taken over into a new one that would make the same of them."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Final

from evalsuite.errors import RunError, UsageError
from evalsuite.util.atomic_write import atomic_folder
from training.data.manifest import read_manifest
from training.recipe import Stage
from training.run_folder import StageFolder, TrainingFolder
from training.run_spec import TrainingSpec, data_of, read_spec, reused_from

_ALIKE: Final = ("base", "lora", "world", "seed", "threads")
"""Settings of a recipe, besides its stages and devices, that a stage's outcome depends on."""


def reusable_stages(source: TrainingFolder, run: TrainingFolder, spec: TrainingSpec) -> list[StageFolder]:
    """Find the first stages of `source` that are promoted and asked for alike; none at all is a `UsageError`.

    Alike: base model, adapter, world, seeds and devices, every setting of the stage, the manifest of its data (a
    world's data is taken over too), and, for a stage that is paid, whether by a coin.
    """
    there = read_spec(source)
    if source.path == run.path:
        raise UsageError(f"--reuse-from {source.path}: is the run itself, which is resumed without it")
    differs = _difference(there, spec)
    if differs is not None:
        raise UsageError(f"{source.path}: its {differs} is not what this run asks for: nothing can be taken over")
    found: list[StageFolder] = []
    for number, stage in enumerate(spec.recipe.stages, 1):
        made = source.stage(number, stage.name)
        lack = _lack(made, there, stage, spec, data_of(run, spec))
        if lack is not None and not found:
            raise UsageError(f"{made.path}: {lack}, so that there is nothing to go on from")
        if lack is not None:
            break
        found.append(made)
    return found


def reuse_stages(run: TrainingFolder, spec: TrainingSpec, tell: Callable[[str], None]) -> None:
    """Copy what a run was begun from, as its run.json names it, with the evaluations; what is there is left as it is.

    Every stage appears as a whole, so that a kill leaves some for the next time.
    """
    taken = reused_from(run)
    missing = [] if taken is None else [name for name in taken.stages if not (run.path / name).exists()]
    if taken is None or not missing:
        return
    source = TrainingFolder(taken.run)
    try:
        if spec.recipe.world is not None:
            _copy(source.data, run.data)
        for evaluation in source.evaluations.iterdir():
            _copy(evaluation, run.evaluations / evaluation.name)
        for name in missing:
            _copy(source.path / name, run.path / name)
            tell(f"{Path(name).name}: taken over from {source.path}")
    except OSError as error:
        raise RunError(f"{run.path}: {source.path} can't be copied there: {error.strerror or error}") from None


def _difference(there: TrainingSpec, spec: TrainingSpec) -> str | None:
    """What of two recipes, besides their stages, differs in a way that a stage's outcome depends on."""
    for key in _ALIKE:
        if getattr(there.recipe, key) != getattr(spec.recipe, key):
            return key
    if there.recipe.hardware.devices != spec.recipe.hardware.devices:
        return "number of devices"
    if spec.recipe.base.model.startswith("./") and spec.recipe.world is None and there.data != spec.data:
        return "base model, a folder among the data,"
    return None


def _lack(made: StageFolder, there: TrainingSpec, stage: Stage, spec: TrainingSpec, data: Path) -> str | None:
    """Why a stage can't be taken over."""
    if made.state != "promoted":
        return "not promoted"
    if stage not in there.recipe.stages:
        return "its settings are not this recipe's"
    if stage.kind == "grpo" and there.control != spec.control:
        return "paid by a coin" if there.control else "not paid by a coin"
    if spec.recipe.world is None:
        known = read_manifest(data / stage.data.folder)
        if made.read("manifest.json") != known.to_json():
            return "trained on other data"
    return None


def _copy(source: Path, target: Path) -> None:
    """Copy a folder, which appears as a whole; weights, which nobody writes to, are shared where the disk is one."""
    if target.exists():
        return
    left = shutil.ignore_patterns("checkpoints", "cache", ".lock")
    with atomic_folder(target) as partial:
        shutil.copytree(source, partial, ignore=left, copy_function=_linked, dirs_exist_ok=True)


def _linked(source: str, target: str) -> None:
    if source.endswith(".safetensors"):
        try:
            os.link(source, target)
            return
        except OSError:
            pass
    shutil.copy2(source, target)
