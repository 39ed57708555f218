"""Stages that another run has promoted, taken over into a new one that would make the same of them."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from evalsuite.errors import RunError, UsageError
from training.asked import Asked, read_asked
from training.folder import StageFolder, TrainingFolder
from training.manifest import read_manifest
from training.recipe import Stage
from training.weights import part

_ALIKE = ("base", "lora", "world", "seed", "threads")
"""Settings of a recipe, besides its stages, that a stage's outcome depends on."""


def alike(source: TrainingFolder, asked: Asked, data: Path) -> list[StageFolder]:
    """Find the first stages of `source` that are promoted and asked for alike; none at all is a `UsageError`.

    Alike: base model, adapter, world and seeds, every setting of the stage, the manifest of its data below `data` (a
    world's data is taken over too), and, for a stage that is paid, whether by a coin.
    """
    there = read_asked(source)
    differs = next((key for key in _ALIKE if getattr(there.recipe, key) != getattr(asked.recipe, key)), None)
    if differs is not None:
        raise UsageError(f"{source.path}: its {differs} is not this recipe's, so that none of its stages can be taken")
    found: list[StageFolder] = []
    for number, stage in enumerate(asked.recipe.stages, 1):
        made = source.stage(number, stage.name)
        lack = _lack(made, there, stage, asked, data)
        if lack is not None and not found:
            raise UsageError(f"{made.path}: {lack}, so that there is nothing to go on from")
        if lack is not None:
            break
        found.append(made)
    return found


def take_over(stages: Sequence[StageFolder], source: TrainingFolder, run: TrainingFolder, asked: Asked) -> None:
    """Copy stages of `source` into a run, with their evaluations; what is there already is left as it is."""
    try:
        if asked.recipe.world is not None:
            _copy(source.data, run.data)
        for evaluation in source.evaluations.iterdir():
            _copy(evaluation, run.evaluations / evaluation.name)
        for made in stages:
            own = StageFolder(run.path / made.path.relative_to(source.path))
            _copy(made.path, own.path)
            own.note(taken_from=str(source.path))
    except OSError as error:
        raise RunError(f"{run.path}: {source.path} can't be copied there: {error.strerror or error}") from None


def _lack(made: StageFolder, there: Asked, stage: Stage, asked: Asked, data: Path) -> str | None:
    """Why a stage can't be taken over."""
    if made.state != "promoted":
        return "not promoted"
    if stage not in there.recipe.stages:
        return "its settings are not this recipe's"
    if stage.kind == "grpo" and there.control != asked.control:
        return "paid by a coin" if there.control else "not paid by a coin"
    if asked.recipe.world is None:
        known = read_manifest(data / stage.data.folder)
        if made.read("manifest.json") != known.to_json():
            return "trained on other data"
    return None


def _copy(source: Path, target: Path) -> None:
    """Copy a folder, which appears as a whole; weights, which nobody writes to, are shared where the disk is one."""
    if target.exists():
        return
    draft = part(target)
    shutil.copytree(source, draft, copy_function=_linked, dirs_exist_ok=True)
    draft.rename(target)


def _linked(source: str, target: str) -> None:
    if source.endswith(".safetensors"):
        try:
            os.link(source, target)
            return
        except OSError:
            pass
    shutil.copy2(source, target)
