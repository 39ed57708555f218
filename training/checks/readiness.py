"""What would stop a later stage, seen before the first one takes an hour: for every stage, without its model."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from evalsuite.data.load import load
from evalsuite.errors import UsageError
from evalsuite.tasks.registry import load_task
from training import trainer_config
from training.data import rows
from training.data.manifest import look
from training.recipe import Grpo, Pretrain, Recipe, Sft, Stage
from training.run_folder import TrainingFolder
from training.run_spec import TrainingSpec, data_of

_NEEDED: Final = ("torch", "transformers", "trl", "peft", "accelerate", "datasets")


def refuse_unready(spec: TrainingSpec, run: TrainingFolder) -> None:
    """Raise at the first thing by which a stage that has not ended could not be trained, evaluated or gated.

    Looked at: gates, batches, packages, GPUs, benchmarks with their data, the sizes of data files, and every row that
    isn't of a corpus. A world makes its own data and benchmarks, which are not looked at.
    """
    recipe, data = spec.recipe, data_of(run, spec)
    pairs = zip(recipe.stages, spec.stages(run), strict=True)
    ahead = [stage for stage, folder in pairs if folder.state not in ("promoted", "refused")]
    for stage in ahead:
        _refuse_foreign_gate(stage)
        if isinstance(stage, Grpo):
            trainer_config.micro_batches(stage, recipe.hardware.devices)
        if recipe.world is None:
            look(data / stage.data.folder)
    if ahead:
        _refuse_bare_machine(recipe, ahead)
    if recipe.world is None:
        for name in dict.fromkeys(name for stage in ahead for name in stage.evaluation.tasks):
            load(load_task(name))
        for stage in ahead:
            _refuse_rows(stage, data / stage.data.folder)


def _packages(recipe: Recipe, ahead: Sequence[Stage]) -> Iterator[tuple[str, str]]:
    """Packages that the stages can't do without, and how each is installed."""
    yield from ((package, "pip install -c constraints.txt -e '.[train]'") for package in _NEEDED)
    engines = {stage.rollout.engine for stage in ahead if isinstance(stage, Grpo)}
    backends = {stage.evaluation.backend for stage in ahead}
    if "vllm" in backends or engines & {"vllm_colocate", "vllm_server"}:
        yield "vllm", "pip install vllm, of a version that the installed trl supports"
    if recipe.hardware.launch == "deepspeed":
        yield "deepspeed", "pip install deepspeed"
    if recipe.base.quantise == "nf4":
        yield "bitsandbytes", "pip install bitsandbytes"


def _refuse_bare_machine(recipe: Recipe, ahead: Sequence[Stage]) -> None:
    """Packages, and GPUs: several processes on a machine without any would train on its CPU, for years."""
    for package, remedy in _packages(recipe, ahead):
        if find_spec(package) is None:
            raise UsageError(f"recipe {recipe.name}: needs {package}, which isn't installed: {remedy}")
    if recipe.hardware.launch == "one":
        return
    import torch

    found = torch.cuda.device_count()
    if found < recipe.hardware.gpus:
        raise UsageError(
            f"recipe {recipe.name}: hardware.launch {recipe.hardware.launch} on {recipe.hardware.gpus} GPUs, but this "
            f"machine shows {found}: change hardware.gpus, or say hardware.launch: one"
        )


def _refuse_foreign_gate(stage: Stage) -> None:
    """A gate judges what the stage is evaluated on."""
    spec = stage.evaluation.tasks
    judged = spec if stage.gate.tasks == "all" else stage.gate.tasks
    unknown = next((name for name in judged if name not in spec), None)
    if unknown is not None:
        raise UsageError(f"stage {stage.name}: gate.tasks: {unknown} is not among evaluation.tasks: add it there")
    try:
        stage.gate.check_tasks(list(judged))
    except UsageError as error:
        raise UsageError(f"stage {stage.name}: gate: {str(error).removeprefix('policy: ')}") from None


def _refuse_rows(stage: Pretrain | Sft | Grpo, folder: Path) -> None:
    """Read each row of a stage's data once, as the stage will; of a corpus, which can take hours, the first."""
    if isinstance(stage, Sft):
        rows.refuse_nothing_held_out(stage, folder)
    tiers = set()
    for split in rows.splits(stage, folder):
        for row in rows.read(folder, split, rows.kind_of(stage)):
            if isinstance(stage, Pretrain):
                return
            tiers.add(getattr(row, "tier", None))
    if isinstance(stage, Grpo):
        rows.refuse_absent_tiers(stage, tiers, folder)
