"""The spec of a training run, as run.json stores it: a resumed run keeps its settings, whatever has changed since."""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, NamedTuple

from pydantic import ValidationError

from evalsuite.errors import ErrorCode, RunError, UsageError
from evalsuite.util.package_version import package_version
from evalsuite.util.validation import first_problem
from training.recipe import Recipe
from training.run_folder import SCHEMA, StageFolder, TrainingFolder

FILE: Final = "run.json"
_PACKAGES: Final = (
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
"""Packages whose versions are recorded."""


@dataclass(frozen=True, slots=True)
class TrainingSpec:
    """One recipe, its data, and whether the run is the control with random rewards."""

    recipe: Recipe
    data: Path
    """Absolute, or relative to the run's folder where the recipe has a world."""
    control: bool

    def to_json(self) -> dict[str, Any]:
        """Return what has to be equal for two commands to mean the same run."""
        return {"recipe": self.recipe.to_json(), "data": str(self.data), "control": self.control}

    def stages(self, run: TrainingFolder) -> list[StageFolder]:
        """Return the folders of the recipe's stages, in order."""
        return [run.stage(number, stage.name) for number, stage in enumerate(self.recipe.stages, 1)]


def make_spec(recipe: Recipe, data: Path | None, random_reward: bool) -> TrainingSpec:
    """Make the spec of a run from a command's arguments.

    A recipe without a world needs `data`, one with a world takes none, and `random_reward` needs a grpo stage: anything
    else is a `UsageError`.
    """
    if recipe.world is None and data is None:
        folders = ", ".join(dict.fromkeys(stage.data.folder for stage in recipe.stages))
        raise UsageError(
            ErrorCode.MISSING_ARGUMENT,
            f"recipe {recipe.name} has no world to make data from: give `data`, a folder with the folders {folders}; "
            "docs/training-data.md describes them",
        )
    if data is not None and not data.is_dir():
        raise UsageError(ErrorCode.INVALID_ARGUMENT, f"`data`: {data} is not a folder")
    if random_reward and not any(stage.kind == "grpo" for stage in recipe.stages):
        message = f"`random_reward`: recipe {recipe.name} has no grpo stage, so that it would change nothing"
        raise UsageError(ErrorCode.CONFLICTING_ARGUMENTS, message)
    if recipe.world is not None and data is not None:
        message = f"recipe {recipe.name} makes its own data: leave out `data`, or remove the key world from a copy"
        raise UsageError(ErrorCode.CONFLICTING_ARGUMENTS, message)
    return TrainingSpec(_with_absolute_base(recipe), Path("data") if data is None else data.resolve(), random_reward)


def _with_absolute_base(recipe: Recipe) -> Recipe:
    """Make the path of a base model's folder absolute, since a run may be resumed from another folder.

    `./NAME` stays: it is a folder among the run's data.
    """
    base = recipe.base
    if base.model.startswith("./") or not Path(base.model).is_dir():
        return recipe
    return recipe.model_copy(update={"base": base.model_copy(update={"model": str(Path(base.model).resolve())})})


class ReusedStages(NamedTuple):
    """The stages that a run reuses: the other run, and the paths of the stages' folders below it."""

    run: Path
    stages: list[str]


def reused_from(run: TrainingFolder) -> ReusedStages | None:
    """Return the stages that a run reuses; None if there are none. An edited run.json is a `RunError`."""
    reused = run.read(FILE).get("reused_from")
    try:
        return None if reused is None else ReusedStages(Path(reused["run"]), list(reused["stages"]))
    except (KeyError, TypeError) as error:
        message = f"{run.path / FILE}: reused_from: lacks {error}; was it edited?"
        raise RunError(ErrorCode.RUN_UNREADABLE, message) from None


def write_spec(run: TrainingFolder, spec: TrainingSpec, reused: ReusedStages | None = None) -> None:
    """Write run.json: the spec, the stages that are reused, versions of packages, seeds and host."""
    world = spec.recipe.world
    # Only what `to_json` returns has to match when a run is resumed; the rest is a record for people.
    facts = {
        **spec.to_json(),
        "reused_from": None if reused is None else {"run": str(reused.run), "stages": reused.stages},
        "stages": [str(folder.path.relative_to(run.path)) for folder in spec.stages(run)],
        "seeds": {"recipe": spec.recipe.seed, **({} if world is None else {"world": world.seed})},
        "versions": versions(),
        "host": {"cores": os.cpu_count(), "machine": platform.machine(), "system": platform.system()},
        "started": now(),
    }
    run.write(FILE, {"schema": SCHEMA, **facts})


def read_spec(run: TrainingFolder) -> TrainingSpec:
    """Read the spec from run.json; a folder without the file, or with an edited one, is a `RunError`."""
    file, facts = run.path / FILE, run.read(FILE)
    if not facts:
        raise RunError(ErrorCode.RUN_NOT_FOUND, f"{run.path}: not a training run (it has no {FILE})")
    try:
        # Version 1 has been upgraded by `Folder.read`.
        if facts["schema"] != SCHEMA:
            message = f"{file}: has schema {facts['schema']}; this version reads 1 to {SCHEMA}: update evalsuite"
            raise RunError(ErrorCode.RUN_SCHEMA_UNSUPPORTED, message)
        return TrainingSpec(Recipe.model_validate(facts["recipe"]), Path(facts["data"]), bool(facts["control"]))
    except (KeyError, TypeError) as error:
        raise RunError(ErrorCode.RUN_UNREADABLE, f"{file}: lacks {error}; was it edited?") from None
    except ValidationError as error:
        raise RunError(ErrorCode.RUN_UNREADABLE, f"{file}: {first_problem(error, 'recipe')}") from None


def data_of(run: TrainingFolder, spec: TrainingSpec) -> Path:
    """Return the folder that holds a run's data folders."""
    return run.path / spec.data


def versions() -> dict[str, str]:
    """Return the versions of Python and of the installed packages that shape a training."""
    found = {package: package_version(package) for package in _PACKAGES}
    return {"python": platform.python_version(), **{name: each for name, each in found.items() if each is not None}}


def now() -> str:
    """Return the time in UTC, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")
