"""The kinds of stages, and how each is trained: from its start to `model/`, over as many kills as there may be.

Each kind's module has `prepare(job)`, which makes TRL's trainer and says what went into it.
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
    """Train a stage, or go on with it; afterwards `model/` is there and the state is `trained`.

    `data` is the folder that the recipe's data folders are in. With the recipe's `threads` set and no GPU, the weights
    are the same bits for the same seed, also when the process was killed and started again.
    """
    if folder.model.is_dir():
        folder.note(state="trained")
        return
    from training.stages.determinism import make_deterministic

    make_deterministic(recipe)
    from training.stages.fit import fit

    job = StageJob(recipe, stage, folder, start, data, control)
    fit(job, *importlib.import_module(f"training.stages.{stage.kind}").prepare(job))
