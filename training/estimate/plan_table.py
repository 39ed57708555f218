"""A recipe's estimate as tables in a terminal."""

from __future__ import annotations

from collections.abc import Sequence

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from evalsuite.util.text import visible
from training.estimate.data_needs import DataNeed
from training.estimate.gpu import GPUS
from training.estimate.plan import RecipeEstimate, StageEstimate
from training.recipe_sections import Need

_MIN_WIDTH = 110
"""Characters: a table that wraps is better than one whose numbers are cut off."""
_MEMORY = ("weights", "gradients", "optimiser", "copies", "activations", "reference", "sampling")
_FORMULAS = (
    "FLOPs: 2 per weight and token forward, 2 backward to activations, 2 backward to trained weights, and one more "
    "forward pass with gradient checkpointing; attention 4 L H d s per token forward and twice that backward. Sampling "
    "takes the longer of its FLOPs and of reading weights and KV caches, each batch to its longest response. "
    "GPU-hours do not include evaluation, loading or waiting, and memory is of tensors alone: leave 4 GB."
)
_CLAIMS = (
    "claimed / plan: below 1 the source's GPU-hours don't suffice at the utilisation above; near 1 they are plausible; "
    "far above 1 the source did more than the recipe states, or waited."
)


def print_plan(plan: RecipeEstimate) -> None:
    """Print an estimate: parameters, stages, memory, data, and what doesn't fit."""
    console = Console(highlight=False, soft_wrap=True, markup=False, emoji=False)
    console.width = max(console.width, _MIN_WIDTH)
    console.print(Text(visible(f"{plan.recipe.name} on {plan.architecture.model}"), style="bold"))
    console.print(Text(f"{visible(_parameters(plan))}\n{_hardware(plan)}"))
    for table in (_adapters(plan), _stages(plan), _memory(plan), _data(plan)):
        if table is not None:
            console.print(table, soft_wrap=False, crop=False)
    if any(stage.ratio for stage in plan.stages):
        console.print(Text(_CLAIMS), soft_wrap=False)
    for note in plan.notes:
        console.print(Text(visible(note), style="yellow"))
    console.print(Text(_FORMULAS, style="dim"), soft_wrap=False)


def count(number: float) -> str:
    """Format a number with three digits and a unit: 8.19 B."""
    for unit, size in (("E", 1e18), ("P", 1e15), ("T", 1e12), ("B", 1e9), ("M", 1e6), ("k", 1e3)):
        if number >= size:
            return f"{number / size:.3g} {unit}"
    return f"{number:g}"


def _parameters(plan: RecipeEstimate) -> str:
    architecture = plan.architecture
    return (
        f"{architecture.parameters:,} parameters, {architecture.parameters - architecture.embeddings:,} without "
        f"embeddings; {plan.trained_parameters:,} trained ({plan.trained_parameters / architecture.parameters:.1%}); "
        f"config from {architecture.config_source}"
    )


def _hardware(plan: RecipeEstimate) -> str:
    hardware = plan.recipe.hardware
    peak = f"{hardware.utilisation:.0%} of {GPUS[hardware.gpu].flops / 1e12:,.1f} TFLOP/s (dense bf16)"
    return f"{hardware.devices} x {hardware.gpu} at {peak}, launch: {hardware.launch}"


def _adapters(plan: RecipeEstimate) -> Table | None:
    if plan.recipe.lora is None:
        return None
    table = _table("LoRA target", "layers", "in -> out", f"parameters at r={plan.recipe.lora.r}")
    for target, parameters in plan.adapters.items():
        linear = plan.architecture.linears[target]
        features = f"{linear.inputs // linear.count:,} -> {linear.outputs // linear.count:,}"
        table.add_row(visible(target), f"{linear.count}", features, f"{parameters:,}")
    return table


def _stages(plan: RecipeEstimate) -> Table:
    columns = ("steps", "tokens", "sampled", "FLOPs", "GPU-hours", "of which sampling", "claimed", "claimed / plan")
    table = _table("stage", *columns)
    for stage in plan.stages:
        table.add_row(visible(stage.name), *_stage(stage))
    return table


def _stage(stage: StageEstimate) -> Sequence[str]:
    work, cost = stage.workload, stage.compute
    responses = work.sampled + work.mined
    return (
        f"{work.steps:,}",
        count(work.tokens),
        count(responses) if responses else "",
        f"{cost.flops:.2e}",
        f"{cost.hours:,.3g}",
        f"{cost.sampling_hours:,.3g}" if responses else "",
        f"{stage.claimed_hours:,.0f}" if stage.claimed_hours else "",
        f"{stage.ratio:.2g}x" if stage.ratio else "",
    )


def _memory(plan: RecipeEstimate) -> Table:
    capacity = GPUS[plan.recipe.hardware.gpu].memory
    table = _table("GB per GPU", *_MEMORY, f"of {capacity / 1e9:.0f}")
    for stage in plan.stages:
        parts = [getattr(stage.memory, name) for name in _MEMORY]
        table.add_row(visible(stage.name), *(f"{part / 1e9:.1f}" for part in (*parts, stage.memory.total)))
    return table


def _data(plan: RecipeEstimate) -> Table:
    """Return one row per data folder; stages with the same folder and sources share a row."""
    table = _table("data", "sources", "state")
    for column in table.columns[1:]:
        column.justify, column.no_wrap = "left", False
    shared: dict[tuple[DataNeed, tuple[Need, ...]], list[str]] = {}
    for stage in plan.stages:
        shared.setdefault((stage.data, stage.sources), []).append(stage.name)
    for (need, sources), names in shared.items():
        state = f"{need.state}: {need.detail}" if need.detail else need.state
        folder = f"{', '.join(names)}: {need.folder}/"
        table.add_row(visible(folder), "\n".join(map(_describe_source, sources)), visible(state))
    return table


def _describe_source(source: Need) -> str:
    size = "size not stated"
    if source.tokens:
        size = f"{count(source.tokens)} tokens"
    elif source.items:
        size = f"{source.items:,} items"
    return visible(f"{source.name}, {size}")


def _table(*columns: str) -> Table:
    table = Table(box=SIMPLE_HEAD, padding=(0, 1), pad_edge=False)
    for index, column in enumerate(columns):
        table.add_column(column, justify="right" if index else "left", no_wrap=True)
    return table
