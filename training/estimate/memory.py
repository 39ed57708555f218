"""The memory that a stage needs on the GPU with the most to hold.

Not included are the CUDA context, fragmentation and the buffers of collectives, for which no formula exists: 2 to 4 GB.
Logits are not included either: TRL computes the output head in tiles.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from training import trainer_config
from training.estimate.architecture import Architecture
from training.estimate.gpu import GPUS
from training.estimate.workload import expected_tokens
from training.recipe import Distill, Grpo, Recipe, Stage

NF4_BYTES: Final = (4 + 0.127) / 8
"""Bytes of a weight in 4 bits, with its share of the quantised constants (Dettmers et al. 2023, arXiv:2305.14314)."""
VLLM_SHARE: Final = 0.3
"""Share of the GPU's memory that vLLM reserves next to the trainer: TRL's default."""
HALF: Final = 2
"""Bytes of a number in bfloat16."""
FULL: Final = 4
"""Bytes of a number in float32."""


@dataclass(frozen=True, slots=True)
class MemoryEstimate:
    """One stage's bytes on one GPU."""

    weights: float
    gradients: float
    optimiser: float
    """Both moments of AdamW, and the float32 weights that DeepSpeed keeps with them."""
    copies: float
    """Copies of weights for computing: all in bfloat16, or two blocks, embeddings and head gathered from shards."""
    activations: float
    reference: float
    """A teacher's weights, or the reference's where all weights are trained; an adapter is switched off instead."""
    sampling: float
    """KV caches, or all that vLLM reserves on this GPU."""

    @property
    def total(self) -> float:
        """The sum of all parts."""
        states = self.weights + self.gradients + self.optimiser + self.reference
        return states + self.copies + self.activations + self.sampling


def memory_estimate(
    architecture: Architecture, recipe: Recipe, stage: Stage, teacher: Architecture | None = None
) -> MemoryEstimate:
    """Return what a stage holds on each GPU; FSDP and ZeRO-3 divide all states into equal shards.

    Trained weights with their gradients and moments take 16 bytes per parameter (Rajbhandari et al. 2020,
    arXiv:1910.02054): 4 + 4 + 8 in float32, or 2 + 2 + 12 with DeepSpeed. `teacher` is that of distillation, which is
    held in its own dtype.
    """
    shards = recipe.hardware.devices
    trained = sum(architecture.adapters(recipe.lora).values()) if recipe.lora else architecture.parameters
    deepspeed = recipe.hardware.launch == "deepspeed"
    weight, gradient, moments = (HALF, HALF, 12) if deepspeed else (FULL, FULL, 8)
    frozen = _frozen_bytes(architecture, recipe) if recipe.lora else 0.0
    has_reference = recipe.lora is None and isinstance(stage, Grpo) and stage.beta > 0
    return MemoryEstimate(
        weights=(frozen + trained * weight) / shards,
        gradients=trained * gradient / shards,
        optimiser=trained * moments / shards,
        copies=_copy_bytes(architecture, recipe),
        activations=activation_bytes(architecture, recipe, _tokens_per_pass(recipe, stage)),
        reference=architecture.parameters * weight / shards
        if has_reference
        else _teacher_bytes(stage, teacher) / shards,
        sampling=_sampling_bytes(architecture, recipe, stage) if isinstance(stage, Grpo | Distill) else 0.0,
    )


def activation_bytes(architecture: Architecture, recipe: Recipe, tokens: int) -> float:
    """Return the bytes that the backward pass needs of a forward pass over `tokens`.

    Attention is assumed to be computed without writing out its weights, as FlashAttention and SDPA do. With gradient
    checkpointing the input of every block is kept, 2 L h per token, and all of one block (Korthikanti et al. 2022,
    arXiv:2205.05198); without it all of all blocks.
    """
    block = _block_bytes(architecture, recipe)
    if recipe.base.dtype == "float32":
        return tokens * architecture.layers * block
    return tokens * (architecture.layers * HALF * architecture.hidden + block)


def _block_bytes(architecture: Architecture, recipe: Recipe) -> float:
    """Return the bytes per token that one block keeps for its backward pass; h hidden, i intermediate size.

    The terms follow from what autograd saves for each operation, and are tested against torch. Every norm keeps its
    input in float32. Attention keeps queries, keys, values and output: 2 H d + 2 K d with H heads, K KV heads of
    dimension d. The MLP keeps gate, activation and up projection: 3 i. Trained weights also need the inputs they are
    multiplied with: normalised inputs of norms, and 2 h + i for the projections. An adapter needs the input of its
    layer, and the mask of its dropout.
    """
    width = HALF if recipe.base.dtype == "bfloat16" else FULL
    heads = (architecture.heads + architecture.kv_heads) * architecture.head_dim
    normed = 2 * architecture.hidden + (heads if architecture.head_norms else 0)
    saved = FULL * normed + width * (2 * heads + 3 * architecture.intermediate)
    if recipe.lora is None:
        return saved + width * (normed + 2 * architecture.hidden + architecture.intermediate)
    inputs = sum(architecture.linears[target].inputs for target in recipe.lora.targets) / architecture.layers
    return saved + inputs * (width + (recipe.lora.dropout > 0))


def _tokens_per_pass(recipe: Recipe, stage: Stage) -> int:
    """Return the tokens of the largest forward pass on a GPU."""
    if not isinstance(stage, Grpo | Distill):
        return stage.batch.sequences * stage.batch.length
    micro_batch, _ = trainer_config.micro_batches(stage, recipe.hardware.devices)
    return micro_batch * (expected_tokens(stage).prompt + stage.rollout.max_tokens)


def _frozen_bytes(architecture: Architecture, recipe: Recipe) -> float:
    """Return the bytes of base weights that are not trained.

    FSDP shards parameters of one dtype only, so with it they have the adapter's float32.
    """
    width = FULL if recipe.base.dtype == "float32" or recipe.hardware.launch == "fsdp" else HALF
    if recipe.base.quantise == "nf4":
        blocks = architecture.block_weights
        return blocks * NF4_BYTES + (architecture.parameters - blocks) * HALF
    return architecture.parameters * width


def _copy_bytes(architecture: Architecture, recipe: Recipe) -> float:
    width = HALF if recipe.base.dtype == "bfloat16" else FULL
    if recipe.hardware.launch != "one":
        # Sharded training gathers the block at work and prefetches the next one.
        blocks = architecture.parameters - architecture.embeddings
        return width * (architecture.embeddings + 2 * blocks / architecture.layers)
    # Autocast keeps a bfloat16 copy of the float32 weights that are trained.
    return HALF * architecture.parameters if recipe.lora is None and recipe.base.dtype == "bfloat16" else 0.0


def _teacher_bytes(stage: Stage, teacher: Architecture | None) -> float:
    if teacher is None or not isinstance(stage, Distill):
        return 0.0
    return teacher.parameters * (HALF if stage.teacher.dtype == "bfloat16" else FULL)


def _sampling_bytes(architecture: Architecture, recipe: Recipe, stage: Grpo | Distill) -> float:
    if stage.rollout.engine == "vllm_server":
        return 0.0
    if stage.rollout.engine == "vllm_colocate":
        return VLLM_SHARE * GPUS[recipe.hardware.gpu].memory
    width = HALF if recipe.base.dtype == "bfloat16" else FULL
    responses = stage.prompts * stage.rollout.generations / recipe.hardware.devices
    longest = expected_tokens(stage).prompt + stage.rollout.max_tokens
    cache = responses * longest * architecture.kv_bytes * width / HALF
    # To generate with sharded weights, each GPU gathers all of them.
    return cache + (width * architecture.parameters if recipe.hardware.launch != "one" else 0)
