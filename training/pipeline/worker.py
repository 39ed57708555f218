"""The processes that a run starts: `python -m training.pipeline.worker` makes a world, checks a stage or trains one.

Each has a process of its own, so that a crash, a leak or a kill of one is an exit status of the run and no more. People
call `evalsuite train` instead.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from evalsuite.cli.exit_status import ended

if TYPE_CHECKING:
    from training.recipe import Stage
    from training.run_folder import StageFolder, TrainingFolder
    from training.run_spec import TrainingSpec

MODULE: Final = "training.pipeline.worker"
_FOLDER: Final = click.Path(file_okay=False, path_type=Path)


@click.group()
def worker() -> None:
    """Do one part of a training run."""


@worker.command()
@click.argument("run", type=_FOLDER)
def world(run: Path) -> None:
    """Make the data of the recipe's world; the folder is renamed into place once it is complete."""
    from evalsuite.util.atomic_write import atomic_folder
    from training.run_folder import TrainingFolder
    from training.run_spec import read_spec
    from training.tinyworld.build import build

    folder = TrainingFolder(run)
    spec = read_spec(folder)
    assert spec.recipe.world is not None, "a recipe without a world has no data to make"
    with atomic_folder(folder.data) as partial:
        build(partial, spec.recipe.world.seed)


@worker.command()
@click.argument("run", type=_FOLDER)
@click.argument("name")
def preflight(run: Path, name: str) -> None:
    """Run the preflight checks of a stage."""
    from evalsuite.util.folder_lock import locked
    from training.checks.preflight import run_preflight
    from training.promotion.last_promoted import last_promoted
    from training.run_spec import data_of

    home, spec, stage, folder = _stage(run, name)
    with locked(folder.path):
        run_preflight(spec.recipe, stage, folder, last_promoted(home, spec, folder).start, data_of(home, spec))


@worker.command()
@click.argument("run", type=_FOLDER)
@click.argument("name")
def stage(run: Path, name: str) -> None:
    """Train a stage, from its last checkpoint where there is one."""
    from training.pipeline.folder_lock import stage_locked
    from training.promotion.last_promoted import last_promoted
    from training.run_spec import data_of
    from training.stages import train

    home, spec, stage, folder = _stage(run, name)
    with stage_locked(folder):
        start = last_promoted(home, spec, folder).start
        train(spec.recipe, stage, folder, start, data_of(home, spec), spec.control)


def _stage(run: Path, name: str) -> tuple[TrainingFolder, TrainingSpec, Stage, StageFolder]:
    """Return a run, its spec, and the stage of the given name with its folder."""
    from training.run_folder import TrainingFolder
    from training.run_spec import read_spec

    home = TrainingFolder(run.resolve())  # paths of weights go into adapters and have to be absolute
    spec = read_spec(home)
    stage = spec.recipe.stage(name)
    return home, spec, stage, home.stage(spec.recipe.stages.index(stage) + 1, name)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one part and return its exit code: 2 for an error, which is printed in one line."""
    return ended(worker, "evalsuite", arguments)


if __name__ == "__main__":
    sys.exit(main())
