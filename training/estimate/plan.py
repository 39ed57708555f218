"""A recipe's plan: what its stages train, hold, compute and need, before anything is loaded."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from training.estimate.architecture import Architecture, architecture
from training.estimate.data_needs import DataNeed, data_need
from training.estimate.flops import ComputeEstimate, compute_estimate
from training.estimate.gpu import GPUS
from training.estimate.memory import VLLM_SHARE, MemoryEstimate, memory_estimate
from training.estimate.workload import Workload, workload
from training.recipe import Grpo, Need, Recipe, Stage


@dataclass(frozen=True, slots=True)
class StageEstimate:
    """One stage's plan."""

    name: str
    kind: str
    amount: Workload
    compute: ComputeEstimate
    memory: MemoryEstimate
    supply: DataNeed
    needs: tuple[Need, ...]
    claimed_hours: float | None
    """GPU-hours that the recipe's source names."""

    @property
    def ratio(self) -> float | None:
        """Claimed hours over planned ones."""
        return None if self.claimed_hours is None else self.claimed_hours / self.compute.hours

    def to_json(self) -> dict[str, Any]:
        """The stage's plan as plain data."""
        return {
            "name": self.name,
            "kind": self.kind,
            "amount": asdict(self.amount),
            "compute": asdict(self.compute) | {"flops": self.compute.flops, "hours": self.compute.hours},
            "memory": asdict(self.memory) | {"total": self.memory.total},
            "supply": asdict(self.supply),
            "needs": [need.model_dump() for need in self.needs],
            "claimed_hours": self.claimed_hours,
            "ratio": self.ratio,
        }


@dataclass(frozen=True, slots=True)
class RecipeEstimate:
    """A recipe's plan."""

    recipe: Recipe
    shape: Architecture
    adapters: dict[str, int]
    """Parameters that LoRA trains, by target; empty where all weights are trained."""
    stages: tuple[StageEstimate, ...]
    notes: tuple[str, ...]

    @property
    def trained(self) -> int:
        """Parameters that are trained."""
        return sum(self.adapters.values()) or self.shape.parameters

    def to_json(self) -> dict[str, Any]:
        """The plan as plain data: parameters, bytes, FLOPs and GPU-hours."""
        return {
            "schema": 1,
            "recipe": self.recipe.name,
            "hardware": self.recipe.hardware.model_dump(),
            "architecture": asdict(self.shape),
            "adapters": self.adapters,
            "trained": self.trained,
            "stages": [stage.to_json() for stage in self.stages],
            "notes": list(self.notes),
        }


def estimate(recipe: Recipe, data: Path | None = None) -> RecipeEstimate:
    """Plan a recipe, without weights; `data` is the folder where the stages' data should be.

    A base model that can't be measured, a target that it hasn't, or a stage that doesn't say enough is a `UsageError`.
    """
    shape = architecture(recipe.base, data, recipe.world)
    adapters = shape.adapters(recipe.lora) if recipe.lora else {}
    stages = tuple(_stage(shape, recipe, stage, data) for stage in recipe.stages)
    return RecipeEstimate(recipe, shape, adapters, stages, tuple(_notes(shape, recipe, stages)))


def _stage(shape: Architecture, recipe: Recipe, stage: Stage, data: Path | None) -> StageEstimate:
    found = data_need(stage, data, made=recipe.world is not None)
    work = workload(stage, recipe.hardware.devices, found)
    return StageEstimate(
        name=stage.name,
        kind=stage.kind,
        amount=work,
        compute=compute_estimate(shape, recipe, stage, work),
        memory=memory_estimate(shape, recipe, stage),
        supply=found,
        needs=tuple(stage.data.needs),
        claimed_hours=stage.claimed_gpu_hours,
    )


def _notes(shape: Architecture, recipe: Recipe, stages: tuple[StageEstimate, ...]) -> Iterator[str]:
    """What doesn't fit, and what needs GPUs beside those of the recipe."""
    room = GPUS[recipe.hardware.gpu].memory
    gpu = f"an {recipe.hardware.gpu}'s {room / 1e9:.0f} GB"
    for stage in stages:
        if stage.memory.total > room:
            said = "shorter or fewer sequences a pass, more GPUs or lora would make it less"
            yield f"stage {stage.name} needs {stage.memory.total / 1e9:.1f} GB of {gpu}: {said}"
    copy = 2 * shape.parameters
    weights = f"{copy / 1e9:.1f} GB of weights"
    engines = {stage.name: stage.rollout.engine for stage in recipe.stages if isinstance(stage, Grpo)}
    for name, engine in engines.items():
        if engine == "vllm_colocate" and copy > VLLM_SHARE * room:
            yield f"stage {name}: vLLM's {VLLM_SHARE:.0%} of {gpu} don't hold {weights}: say engine: vllm_server"
        if engine == "vllm_server":
            cache = f"{shape.kv_bytes / 1e3:.0f} kB of cache a token"
            yield f"stage {name}: its vLLM server needs GPUs of its own, for {weights} and {cache}"
