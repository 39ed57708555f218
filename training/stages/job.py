"""One stage to train, and all that it needs to know."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from training.recipe import Recipe, Stage
from training.run_folder import StageFolder


@dataclass(frozen=True, slots=True)
class StageJob:
    """A recipe's stage, where it is kept, what it starts from, and its data."""

    recipe: Recipe
    stage: Stage
    folder: StageFolder
    start: Path | str
    """An adapter's folder, a folder of whole weights, or a hub name."""
    data: Path
    """The folder that the recipe's data folders are in."""
    control: bool = False
    """Whether the reward is a coin."""

    @property
    def rows(self) -> Path:
        """The stage's data folder."""
        return self.data / self.stage.data.folder

    @property
    def cache(self) -> Path:
        """Where rows are kept while they are trained on; gone afterwards."""
        return self.folder.path / "cache"


def devices() -> int:
    """Processes that train the stage, each on a device of its own, as the launcher says."""
    return int(os.environ.get("WORLD_SIZE", "1"))
