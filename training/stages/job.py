"""The arguments of training one stage."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from training.data.rows import CACHE
from training.recipe import Recipe, Stage
from training.run_folder import StageFolder


@dataclass(frozen=True, slots=True)
class StageJob:
    """One stage of a recipe with its folder, its start model and its data."""

    recipe: Recipe
    stage: Stage
    folder: StageFolder
    start: Path | str
    """The folder of an adapter, a folder of full weights, or a hub name."""
    data: Path
    """The folder that contains the recipe's data folders."""
    control: bool = False
    """Whether the reward is random."""

    @property
    def data_folder(self) -> Path:
        """The stage's data folder."""
        return self.data / self.stage.data.folder

    @property
    def cache(self) -> Path:
        """The folder of parsed rows while the stage trains; deleted afterwards."""
        return self.folder.path / CACHE


def world_size() -> int:
    """Return the number of processes that train the stage, one per device, as set by the launcher."""
    return int(os.environ.get("WORLD_SIZE", "1"))
