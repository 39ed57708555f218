"""The training of one stage of each kind with TRL, from its start model to `model/`, resumable after a kill.

The module of a kind has `prepare(job)`, which returns TRL's trainer and the facts about its data for stage.json.
"""

from __future__ import annotations

import importlib
from pathlib import Path

from training.recipe import Recipe, Stage
from training.run_folder import StageFolder
from training.stages.job import StageJob


def train(
    recipe: Recipe, stage: Stage, folder: StageFolder, start: Path | str, data: Path, control: bool = False
) -> None:
    """Train a stage, from its last complete checkpoint where there is one, until `model/` exists.

    `data` is the folder that contains the recipe's data folders; `control` makes the reward random. With the recipe's
    `threads` set and without a GPU the same seed gives the same weights, bit for bit, also after a kill and a resume.
    """
    if folder.model.is_dir():
        folder.note(state="trained")
        return
    # The modules of this package import torch and TRL, which must not happen before the environment is set up.
    from training.stages.determinism import make_deterministic

    make_deterministic(recipe)
    from training.stages.fit import fit

    job = StageJob(recipe, stage, folder, start, data, control)
    fit(job, *importlib.import_module(f"training.stages.{stage.kind}").prepare(job))
