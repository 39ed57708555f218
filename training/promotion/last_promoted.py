"""Finds the last promoted model of a run: where the next stage starts, and what its model is compared with."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from evalsuite.util.file_digest import sha256_of
from training.run_folder import StageFolder, TrainingFolder
from training.run_spec import TrainingSpec, data_of
from training.weights import base_model, base_weights_of, is_adapter


class PromotedModel(NamedTuple):
    """One model: full weights, or an adapter with the base weights that it was trained on."""

    weights: str
    """A folder, or a hub name."""
    adapter: Path | None = None
    revision: str | None = None

    @property
    def start(self) -> Path | str:
        """What a stage starts from: the adapter where there is one."""
        return self.weights if self.adapter is None else self.adapter

    @property
    def digest(self) -> str:
        """sha256 of all that shapes the model's responses: its files' names and bytes, or its hub name and revision."""
        digest = hashlib.sha256((_folder_digest(Path(self.weights)) or f"{self.weights}@{self.revision}").encode())
        if self.adapter is not None:
            digest.update(f" {_folder_digest(self.adapter)}".encode())
        return digest.hexdigest()


def last_promoted(run: TrainingFolder, spec: TrainingSpec, before: StageFolder | None = None) -> PromotedModel:
    """Return the model of the last promoted stage, or of the last one before a stage; else the base model."""
    folders: Sequence[StageFolder] = spec.stages(run)
    if before is not None:
        folders = folders[: [folder.path for folder in folders].index(before.path)]
    for folder in reversed(folders):
        if folder.state == "promoted":
            return model_of(run, spec, folder)
    return _with_revision(spec, base_model(spec.recipe.base, data_of(run, spec)))


def model_of(run: TrainingFolder, spec: TrainingSpec, folder: StageFolder) -> PromotedModel:
    """Return the model that a stage has trained."""
    if not is_adapter(folder.model):
        return PromotedModel(str(folder.model))  # a folder: only the hub has revisions
    weights = base_weights_of(spec.recipe, folder.model, data_of(run, spec))
    return _with_revision(spec, weights)._replace(adapter=folder.model)


def _with_revision(spec: TrainingSpec, weights: str) -> PromotedModel:
    return PromotedModel(weights, revision=None if Path(weights).is_dir() else spec.recipe.base.revision)


def _folder_digest(folder: Path) -> str | None:
    """Return the sha256 of a model folder's files; None where there is no folder.

    README.md is left out: it describes the model and can't change a response.
    """
    if not folder.is_dir():
        return None
    digest = hashlib.sha256()
    for file in sorted(path for path in folder.iterdir() if path.is_file() and path.name != "README.md"):
        digest.update(f"{file.name} {sha256_of(file)}\n".encode())
    return digest.hexdigest()
