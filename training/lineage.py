"""Which model is the last good one: what a stage starts from, what it is measured against, what is kept."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from training.asked import Asked, data_of
from training.folder import StageFolder, TrainingFolder
from training.manifest import sha256_of
from training.recipe import Base
from training.weights import base_model, is_adapter

_UNREAD = frozenset({"README.md", "training_args.bin"})
"""Files of a model's folder that change nothing that it answers."""


class Model(NamedTuple):
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
        seen = hashlib.sha256()
        seen.update((_content(Path(self.whole)) or f"{self.whole}@{self.revision}").encode())
        if self.adapter is not None:
            seen.update(f" {_content(self.adapter)}".encode())
        return seen.hexdigest()


def base_of(run: TrainingFolder, asked: Asked) -> Model:
    """The recipe's base model."""
    base: Base = asked.recipe.base
    whole = base_model(base, data_of(run, asked))
    return Model(whole, revision=None if Path(whole).is_dir() else base.revision)


def made_by(run: TrainingFolder, asked: Asked, folder: StageFolder) -> Model:
    """What a stage made; an adapter of a stage that merged its start first stands on that merge."""
    if not is_adapter(folder.model):
        return Model(str(folder.model))
    for before in reversed(_until(run, asked, folder)):
        if merged(before).is_dir():
            return Model(str(merged(before)), folder.model)
    return base_of(run, asked)._replace(adapter=folder.model)


def merged(folder: StageFolder) -> Path:
    """The whole weights that a stage's start was merged into, where it was."""
    return folder.path / "start"


def last_good(run: TrainingFolder, asked: Asked, before: StageFolder | None = None) -> Model:
    """The model of the last promoted stage, or of the last one before a stage; the base model where there is none."""
    folders: Sequence[StageFolder] = asked.stages(run)
    if before is not None:
        folders = _until(run, asked, before)[:-1]
    for folder in reversed(folders):
        if folder.state == "promoted":
            return made_by(run, asked, folder)
    return base_of(run, asked)


def _until(run: TrainingFolder, asked: Asked, last: StageFolder) -> list[StageFolder]:
    """The stages up to one, itself included."""
    folders = asked.stages(run)
    places = [folder.path for folder in folders]
    return folders[: places.index(last.path) + 1]


def _content(folder: Path) -> str | None:
    """sha256 over the files of a model's folder; None where there is no folder."""
    if not folder.is_dir():
        return None
    seen = hashlib.sha256()
    for file in sorted(path for path in folder.iterdir() if path.is_file() and path.name not in _UNREAD):
        seen.update(f"{file.name} {sha256_of(file)}\n".encode())
    return seen.hexdigest()
