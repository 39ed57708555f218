"""Which model is the last good one: what a stage starts from, what it is measured against, what is kept."""

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
    """A model: whole weights, or an adapter and the whole weights that it was trained on."""

    whole: str
    """A folder, or a hub name."""
    adapter: Path | None = None
    revision: str | None = None

    @property
    def start(self) -> Path | str:
        """What a stage is given to start from."""
        return self.whole if self.adapter is None else self.adapter

    @property
    def digest(self) -> str:
        """sha256 over what answers: names and bytes of the files, or a hub name with its revision."""
        seen = hashlib.sha256((_content(Path(self.whole)) or f"{self.whole}@{self.revision}").encode())
        if self.adapter is not None:
            seen.update(f" {_content(self.adapter)}".encode())
        return seen.hexdigest()


def last_promoted(run: TrainingFolder, spec: TrainingSpec, before: StageFolder | None = None) -> PromotedModel:
    """The model of the last promoted stage, or of the last one before a stage; the base model where there is none."""
    folders: Sequence[StageFolder] = spec.stages(run)
    if before is not None:
        folders = folders[: [folder.path for folder in folders].index(before.path)]
    for folder in reversed(folders):
        if folder.state == "promoted":
            return made_by(run, spec, folder)
    return _base(spec, base_model(spec.recipe.base, data_of(run, spec)))


def made_by(run: TrainingFolder, spec: TrainingSpec, folder: StageFolder) -> PromotedModel:
    """What a stage made."""
    if not is_adapter(folder.model):
        return PromotedModel(str(folder.model))
    whole = base_weights_of(spec.recipe, folder.model, data_of(run, spec))
    return _base(spec, whole)._replace(adapter=folder.model)


def _base(spec: TrainingSpec, whole: str) -> PromotedModel:
    return PromotedModel(whole, revision=None if Path(whole).is_dir() else spec.recipe.base.revision)


def _content(folder: Path) -> str | None:
    """sha256 over the files of a model's folder; None where there is no folder."""
    if not folder.is_dir():
        return None
    seen = hashlib.sha256()
    for file in sorted(path for path in folder.iterdir() if path.is_file() and path.name != "README.md"):
        seen.update(f"{file.name} {sha256_of(file)}\n".encode())
    return seen.hexdigest()
