"""The estimate of a recipe: parameters, and for each stage its work, FLOPs, memory and data."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from training.corpora.config import CONFIGS
from training.estimate.architecture import Architecture, read_architecture
from training.estimate.data_needs import DataNeed, data_need
from training.estimate.flops import ComputeEstimate, compute_estimate
from training.estimate.gpu import GPUS
from training.estimate.memory import VLLM_SHARE, MemoryEstimate, memory_estimate
from training.estimate.workload import Workload, workload
from training.recipe import Distill, Grpo, Recipe, Stage
from training.recipe_sections import Need


@dataclass(frozen=True, slots=True)
class StageEstimate:
    """One stage's estimate."""

    name: str
    kind: str
    workload: Workload
    compute: ComputeEstimate
    memory: MemoryEstimate
    data: DataNeed
    sources: tuple[Need, ...]
    """The sources of the stage's data."""
    claimed_hours: float | None
    """GPU-hours that the recipe's source reports."""

    @property
    def ratio(self) -> float | None:
        """Claimed GPU-hours divided by estimated ones; None where the source reports none."""
        return None if self.claimed_hours is None else self.claimed_hours / self.compute.hours

    def to_json(self) -> dict[str, Any]:
        """Return the estimate as plain data."""
        return {
            "name": self.name,
            "kind": self.kind,
            "workload": asdict(self.workload),
            "compute": asdict(self.compute) | {"flops": self.compute.flops, "hours": self.compute.hours},
            "memory": asdict(self.memory) | {"total": self.memory.total},
            "data": asdict(self.data),
            "sources": [source.model_dump() for source in self.sources],
            "claimed_hours": self.claimed_hours,
            "ratio": self.ratio,
        }


@dataclass(frozen=True, slots=True)
class RecipeEstimate:
    """One recipe's estimate."""

    recipe: Recipe
    architecture: Architecture
    adapters: dict[str, int]
    """Parameters that LoRA trains, by target; empty where all weights are trained."""
    stages: tuple[StageEstimate, ...]
    notes: tuple[str, ...]
    """What doesn't fit into memory, and what needs more GPUs than the recipe's."""

    @property
    def trained_parameters(self) -> int:
        """Parameters that are trained."""
        return sum(self.adapters.values()) or self.architecture.parameters

    def to_json(self) -> dict[str, Any]:
        """Return the estimate as plain data: parameters, bytes, FLOPs and GPU-hours."""
        return {
            "schema": 1,
            "recipe": self.recipe.name,
            "hardware": self.recipe.hardware.model_dump(),
            "architecture": asdict(self.architecture),
            "adapters": self.adapters,
            "trained_parameters": self.trained_parameters,
            "stages": [stage.to_json() for stage in self.stages],
            "notes": list(self.notes),
        }


def estimate(recipe: Recipe, data: Path | None = None) -> RecipeEstimate:
    """Estimate what a recipe needs, without loading weights; `data` is the folder with the stages' data.

    A base model that can't be measured, a LoRA target that it doesn't have, and a stage whose expectations are missing
    are each a `UsageError`.
    """
    architecture = read_architecture(recipe.base, data, recipe.world)
    adapters = architecture.adapters(recipe.lora) if recipe.lora else {}
    stages = tuple(_estimate_stage(architecture, recipe, stage, data) for stage in recipe.stages)
    return RecipeEstimate(recipe, architecture, adapters, stages, tuple(_notes(architecture, recipe, stages)))


def _estimate_stage(architecture: Architecture, recipe: Recipe, stage: Stage, data: Path | None) -> StageEstimate:
    need = data_need(stage, data, generated=recipe.world is not None)
    work = workload(stage, recipe.hardware.devices, need)
    teacher = read_architecture(stage.teacher, data) if isinstance(stage, Distill) else None
    return StageEstimate(
        name=stage.name,
        kind=stage.kind,
        workload=work,
        compute=compute_estimate(architecture, recipe, stage, work, teacher),
        memory=memory_estimate(architecture, recipe, stage, teacher),
        data=need,
        sources=tuple(stage.data.needs),
        claimed_hours=stage.claimed_gpu_hours,
    )


def _notes(architecture: Architecture, recipe: Recipe, stages: tuple[StageEstimate, ...]) -> Iterator[str]:
    """Yield how to make a corpus that is missing, what doesn't fit into memory, and what needs more GPUs."""
    yield from _corpus_notes(recipe, stages)
    capacity = GPUS[recipe.hardware.gpu].memory
    gpu = f"an {recipe.hardware.gpu}'s {capacity / 1e9:.0f} GB"
    for stage in stages:
        if stage.memory.total > capacity:
            remedy = "use shorter or fewer sequences per pass, more GPUs or lora"
            yield f"stage {stage.name} needs {stage.memory.total / 1e9:.1f} GB of {gpu}: {remedy}"
    weight_bytes = 2 * architecture.parameters
    weights = f"{weight_bytes / 1e9:.1f} GB of weights"
    engines = {stage.name: stage.rollout.engine for stage in recipe.stages if isinstance(stage, Grpo | Distill)}
    for name, engine in engines.items():
        if engine == "vllm_colocate" and weight_bytes > VLLM_SHARE * capacity:
            yield f"stage {name}: vLLM's {VLLM_SHARE:.0%} of {gpu} don't hold {weights}: set engine: vllm_server"
        if engine == "vllm_server":
            cache = f"{architecture.kv_bytes / 1e3:.0f} kB of KV cache per token"
            yield f"stage {name}: its vLLM server needs separate GPUs for {weights} and {cache}"


def _corpus_notes(recipe: Recipe, stages: tuple[StageEstimate, ...]) -> Iterator[str]:
    """Yield the command that makes the corpus of a pretrain stage, where one is configured under the recipe's name."""
    if not (CONFIGS / f"{recipe.name}.yaml").is_file():
        return
    for stage in stages:
        if stage.kind == "pretrain" and stage.data.state in ("missing", "unchecked", "incomplete"):
            command = f"evalsuite train corpus {recipe.name} --inputs SOURCES --out DATA/{stage.data.folder}"
            yield f"stage {stage.name}: to make its corpus: {command}; with --plan in place of --out, what that needs"
