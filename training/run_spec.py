"""What a training run was asked for, as run.json keeps it: it goes on as it was begun, whatever has changed since."""

from __future__ import annotations

import importlib.metadata
import os
import platform
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, NamedTuple

from pydantic import ValidationError

from evalsuite.errors import RunError, UsageError
from evalsuite.util.validation import first_problem
from training.recipe import Recipe
from training.run_folder import SCHEMA, StageFolder, TrainingFolder

FILE: Final = "run.json"
PACKAGES: Final = (
    "accelerate",
    "bitsandbytes",
    "datasets",
    "evalsuite",
    "peft",
    "torch",
    "transformers",
    "trl",
    "vllm",
)
"""Whose versions a run keeps."""


@dataclass(frozen=True, slots=True)
class TrainingSpec:
    """A recipe, the data it is given, and whether the reward is a coin."""

    recipe: Recipe
    data: Path
    """Absolute, or below the run's folder where the recipe has a world."""
    control: bool

    def to_json(self) -> dict[str, Any]:
        """What has to be the same for two commands to mean one run."""
        return {"recipe": self.recipe.to_json(), "data": str(self.data), "control": self.control}

    def stages(self, run: TrainingFolder) -> list[StageFolder]:
        """The folders of the recipe's stages, in order."""
        return [run.stage(number, stage.name) for number, stage in enumerate(self.recipe.stages, 1)]


def make_spec(recipe: Recipe, data: Path | None, control: bool) -> TrainingSpec:
    """Settle what a run is asked for; a recipe that has no world needs data, and one that has takes none."""
    if recipe.world is None and data is None:
        raise UsageError(
            f"recipe {recipe.name} has no world to make data from: give --data DIR with the folders "
            f"{', '.join(dict.fromkeys(stage.data.folder for stage in recipe.stages))}; docs/training-data.md says "
            "what goes in"
        )
    if data is not None and not data.is_dir():
        raise UsageError(f"--data {data}: no such folder")
    if control and not any(stage.kind == "grpo" for stage in recipe.stages):
        raise UsageError(f"recipe {recipe.name}: no stage is paid (grpo): a random reward changes nothing")
    if recipe.world is not None and data is not None:
        raise UsageError(f"recipe {recipe.name} makes its own data: leave out --data, or take `world` out of a copy")
    return TrainingSpec(_placed(recipe), Path("data") if data is None else data.resolve(), control)


def _placed(recipe: Recipe) -> Recipe:
    """Say in full where a base model's folder is, for a run that goes on from elsewhere; `./NAME` is among the data."""
    base = recipe.base
    if base.model.startswith("./") or not Path(base.model).is_dir():
        return recipe
    return recipe.model_copy(update={"base": base.model_copy(update={"model": str(Path(base.model).resolve())})})


class ReusedStages(NamedTuple):
    """What a run was begun from: another run, and its stages' folders below it."""

    run: Path
    stages: list[str]


def reused_from(run: TrainingFolder) -> ReusedStages | None:
    """What a run was begun from, if it was; a run.json that was edited there is a `RunError`."""
    said = run.read(FILE).get("from")
    try:
        return None if said is None else ReusedStages(Path(said["run"]), list(said["stages"]))
    except (KeyError, TypeError) as error:
        raise RunError(f"{run.path / FILE}: from: lacks {error}; was it edited?") from None


def write_spec(run: TrainingFolder, spec: TrainingSpec, taken: ReusedStages | None = None) -> None:
    """Write run.json: what was asked, resolved, and what it is begun from; packages, seeds and host."""
    world = spec.recipe.world
    facts = {
        **spec.to_json(),
        "from": None if taken is None else {"run": str(taken.run), "stages": taken.stages},
        "stages": [str(folder.path.relative_to(run.path)) for folder in spec.stages(run)],
        "seeds": {"recipe": spec.recipe.seed, **({} if world is None else {"world": world.seed})},
        "versions": versions(),
        "host": {"cores": os.cpu_count(), "machine": platform.machine(), "system": platform.system()},
        "begun": now(),
    }
    run.write(FILE, {"schema": SCHEMA, **facts})


def read_spec(run: TrainingFolder) -> TrainingSpec:
    """Read run.json; a folder without one, or with one that was edited, is a `RunError`."""
    facts = run.read(FILE)
    if not facts:
        raise RunError(f"{run.path}: no training run is here (it has no {FILE})")
    try:
        if facts["schema"] != SCHEMA:
            raise RunError(f"{run.path / FILE}: not of schema {SCHEMA}, which is what this version reads")
        return TrainingSpec(Recipe.model_validate(facts["recipe"]), Path(facts["data"]), bool(facts["control"]))
    except (KeyError, TypeError) as error:
        raise RunError(f"{run.path / FILE}: lacks {error}; was it edited?") from None
    except ValidationError as error:
        raise RunError(f"{run.path / FILE}: {first_problem(error, 'recipe')}") from None


def data_of(run: TrainingFolder, spec: TrainingSpec) -> Path:
    """The folder that a run's data folders are in."""
    return run.path / spec.data


def versions() -> dict[str, str]:
    """Python's version and those of the packages that are installed."""
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def now() -> str:
    """The time, in UTC, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")
