"""A plan as tables in a terminal."""

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
from training.recipe import Need

_WIDTH = 110
"""Least width in characters: a table whose numbers are cut off is worse than one that wraps."""
_MEMORY = ("weights", "gradients", "optimiser", "copies", "activations", "reference", "sampling")
_FORMULAS = (
    "FLOPs: 2 a weight and token forward, 2 backward to activations, 2 to weights that are trained, forward once more "
    "where activations are not kept; attention 4 L H d s a token forward and twice that backward. Sampling takes the "
    "longer of its FLOPs and of reading weights and caches at the full bandwidth, each round to its longest response. "
    "GPU-hours are of that alone: no evaluation, loading or waiting. Memory is of tensors alone: leave 4 GB."
)
_CLAIMS = (
    "claimed / plan: below 1 the source's GPU-hours don't suffice at the utilisation above; near 1 they are plausible; "
    "far above 1 it did more than the recipe says, or waited."
)


def print_plan(plan: RecipeEstimate) -> None:
    """Print a plan: parameters, stages, memory, data, and what doesn't fit."""
    console = Console(highlight=False, soft_wrap=True)
    console.width = max(console.width, _WIDTH)
    console.print(Text(visible(f"{plan.recipe.name} on {plan.shape.model}"), style="bold"))
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
    """A number with three digits and a unit: 8.19 B."""
    for unit, size in (("E", 1e18), ("P", 1e15), ("T", 1e12), ("B", 1e9), ("M", 1e6), ("k", 1e3)):
        if number >= size:
            return f"{number / size:.3g} {unit}"
    return f"{number:g}"


def _parameters(plan: RecipeEstimate) -> str:
    shape = plan.shape
    return (
        f"{shape.parameters:,} parameters, {shape.parameters - shape.embeddings:,} without embeddings; "
        f"{plan.trained:,} trained ({plan.trained / shape.parameters:.1%}); config from {shape.origin}"
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
        linear = plan.shape.linears[target]
        ends = f"{linear.inputs // linear.count:,} -> {linear.outputs // linear.count:,}"
        table.add_row(visible(target), f"{linear.count}", ends, f"{parameters:,}")
    return table


def _stages(plan: RecipeEstimate) -> Table:
    columns = ("steps", "tokens", "sampled", "FLOPs", "GPU-hours", "of it sampling", "claimed", "claimed / plan")
    table = _table("stage", *columns)
    for stage in plan.stages:
        table.add_row(visible(stage.name), *_stage(stage))
    return table


def _stage(stage: StageEstimate) -> Sequence[str]:
    work, cost = stage.amount, stage.compute
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
    room = GPUS[plan.recipe.hardware.gpu].memory
    table = _table("GB a GPU", *_MEMORY, f"of {room / 1e9:.0f}")
    for stage in plan.stages:
        parts = [getattr(stage.memory, name) for name in _MEMORY]
        table.add_row(visible(stage.name), *(f"{part / 1e9:.1f}" for part in (*parts, stage.memory.total)))
    return table


def _data(plan: RecipeEstimate) -> Table:
    """A row a folder: stages that share one, and what they ask of it, stand together."""
    table = _table("data", "made from", "state")
    for column in table.columns[1:]:
        column.justify, column.no_wrap = "left", False
    shared: dict[tuple[DataNeed, tuple[Need, ...]], list[str]] = {}
    for stage in plan.stages:
        shared.setdefault((stage.supply, stage.needs), []).append(stage.name)
    for (supply, needs), names in shared.items():
        state = f"{supply.state}: {supply.said}" if supply.said else supply.state
        where = f"{', '.join(names)}: {supply.folder}/"
        table.add_row(visible(where), "\n".join(map(_need, needs)), visible(state))
    return table


def _need(need: Need) -> str:
    size = f"{count(need.tokens)} tokens" if need.tokens else f"{need.items:,} items" if need.items else "size not said"
    return visible(f"{need.name}, {size}")


def _table(*columns: str) -> Table:
    table = Table(box=SIMPLE_HEAD, padding=(0, 1), pad_edge=False)
    for place, column in enumerate(columns):
        table.add_column(column, justify="right" if place else "left", no_wrap=True)
    return table
