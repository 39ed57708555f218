"""Bytes on the fullest GPU while a stage trains.

Without the CUDA context, fragmentation and the buffers of collectives: 2 to 4 GB that no formula gives. Logits aren't
among it either: TRL goes through the output head in tiles.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from training import trainer_config
from training.estimate.architecture import Architecture
from training.estimate.gpu import GPUS
from training.estimate.workload import expected
from training.recipe import Grpo, Recipe, Stage

NF4: Final = (4 + 0.127) / 8
"""Bytes of a weight in 4 bits with its share of the quantised constants (Dettmers et al. 2023, arXiv:2305.14314)."""
VLLM_SHARE: Final = 0.3
"""Of the GPU, which vLLM takes for itself beside the trainer: TRL's default."""
HALF: Final = 2
FULL: Final = 4


@dataclass(frozen=True, slots=True)
class MemoryEstimate:
    """Bytes."""

    weights: float
    gradients: float
    optimiser: float
    """Both moments of AdamW, and the float32 weights that DeepSpeed keeps with them."""
    copies: float
    """Of weights, to compute with: two blocks, embeddings and head put together of all shards, or in bfloat16."""
    activations: float
    reference: float
    """Another model's weights, where all are trained; an adapter is switched off instead."""
    sampling: float
    """Caches of keys and values, or all that vLLM reserves on this GPU."""

    @property
    def total(self) -> float:
        """All of it."""
        states = self.weights + self.gradients + self.optimiser + self.reference
        return states + self.copies + self.activations + self.sampling


def memory_estimate(shape: Architecture, recipe: Recipe, stage: Stage) -> MemoryEstimate:
    """What a stage holds on each GPU; FSDP and ZeRO-3 cut all states into equal shards.

    Trained weights take 16 bytes: Rajbhandari et al. 2020, arXiv:1910.02054.
    """
    shards = recipe.hardware.devices
    trained = sum(shape.adapters(recipe.lora).values()) if recipe.lora else shape.parameters
    deepspeed = recipe.hardware.launch == "deepspeed"
    weight, gradient, moments = (HALF, HALF, 12) if deepspeed else (FULL, FULL, 8)
    frozen = _frozen(shape, recipe) if recipe.lora else 0.0
    again = recipe.lora is None and isinstance(stage, Grpo) and stage.beta > 0
    return MemoryEstimate(
        weights=(frozen + trained * weight) / shards,
        gradients=trained * gradient / shards,
        optimiser=trained * moments / shards,
        copies=_copies(shape, recipe),
        activations=activations(shape, recipe, _tokens(recipe, stage)),
        reference=shape.parameters * weight / shards if again else 0.0,
        sampling=_sampling(shape, recipe, stage) if isinstance(stage, Grpo) else 0.0,
    )


def activations(shape: Architecture, recipe: Recipe, tokens: int) -> float:
    """Bytes that the backward pass needs of a pass over tokens, its attention never written out.

    With checkpointing the input of every block, 2 L h a token, and all of one block (Korthikanti et al. 2022,
    arXiv:2205.05198); else all of all blocks.
    """
    block = _block(shape, recipe)
    if recipe.base.dtype == "float32":
        return tokens * shape.layers * block
    return tokens * (shape.layers * HALF * shape.hidden + block)


def _block(shape: Architecture, recipe: Recipe) -> float:
    """Bytes a token that one block keeps.

    Every norm its input in float32, attention its queries, keys, values and output (2 H d + 2 K d), the MLP gate, its
    activation and up (3 i). Weights that are trained also need what they are multiplied by: of norms their input made
    even, of projections 2 h and i. An adapter needs its input, and the mask of its dropout.
    """
    width = HALF if recipe.base.dtype == "bfloat16" else FULL
    ends = (shape.heads + shape.kv_heads) * shape.head_dim
    normed = 2 * shape.hidden + (ends if shape.head_norms else 0)
    kept = FULL * normed + width * (2 * ends + 3 * shape.intermediate)
    if recipe.lora is None:
        return kept + width * (normed + 2 * shape.hidden + shape.intermediate)
    inputs = sum(shape.linears[target].inputs for target in recipe.lora.targets) / shape.layers
    return kept + inputs * (width + (recipe.lora.dropout > 0))


def _tokens(recipe: Recipe, stage: Stage) -> int:
    """Tokens of the largest forward pass on a GPU."""
    if not isinstance(stage, Grpo):
        return stage.batch.sequences * stage.batch.length
    micro, _ = trainer_config.micro_batches(stage, recipe.hardware.devices)
    return micro * (expected(stage).prompt + stage.rollout.max_tokens)


def _frozen(shape: Architecture, recipe: Recipe) -> float:
    """Bytes of a base that isn't trained; FSDP shards one dtype alone, the adapter's float32."""
    width = FULL if recipe.base.dtype == "float32" or recipe.hardware.launch == "fsdp" else HALF
    if recipe.base.quantise == "nf4":
        return shape.blocks * NF4 + (shape.parameters - shape.blocks) * HALF
    return shape.parameters * width


def _copies(shape: Architecture, recipe: Recipe) -> float:
    width = HALF if recipe.base.dtype == "bfloat16" else FULL
    if recipe.hardware.launch != "one":
        return width * (shape.embeddings + 2 * (shape.parameters - shape.embeddings) / shape.layers)
    return HALF * shape.parameters if recipe.lora is None and recipe.base.dtype == "bfloat16" else 0.0


def _sampling(shape: Architecture, recipe: Recipe, stage: Grpo) -> float:
    if stage.rollout.engine == "vllm_server":
        return 0.0
    if stage.rollout.engine == "vllm_colocate":
        return VLLM_SHARE * GPUS[recipe.hardware.gpu].memory
    width = HALF if recipe.base.dtype == "bfloat16" else FULL
    responses = stage.prompts * stage.rollout.generations / recipe.hardware.devices
    cache = responses * (expected(stage).prompt + stage.rollout.max_tokens) * shape.kv_bytes * width / HALF
    return cache + (width * shape.parameters if recipe.hardware.launch != "one" else 0)
