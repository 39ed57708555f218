"""The FLOPs and GPU-hours of a stage.

- A matrix product with P weights takes 2P FLOPs per token (Kaplan et al. 2020, arXiv:2001.08361).
- The forward pass, the backward pass to the activations and the backward pass to the weights take equally many, the
  last for trained weights alone. Gradient checkpointing adds one forward pass (Korthikanti et al. 2022,
  arXiv:2205.05198).
- Attention adds 4 L H d s FLOPs per token to a forward pass, with L layers, H heads of dimension d and s tokens of
  context, and twice that to a backward pass (Chowdhery et al. 2022, arXiv:2204.02311, appendix B). Causal masking is
  not deducted, as in that source.
- Decoding is limited by memory bandwidth: each token reads all weights and its sequence's KV cache (Pope et al. 2022,
  arXiv:2211.05102).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from training.estimate.architecture import Architecture
from training.estimate.gpu import GPUS
from training.estimate.workload import Workload, expected_tokens
from training.recipe import Distill, Grpo, Recipe, Stage

HOUR: Final = 3_600
"""Seconds."""


@dataclass(frozen=True, slots=True)
class ComputeEstimate:
    """One stage's FLOPs over all GPUs, and its GPU-hours."""

    training: float
    """FLOPs of forward and backward passes, and of the second forward pass with gradient checkpointing."""
    scoring: float
    """FLOPs of passes without a gradient: the reference's, and the policy's over responses that vLLM sampled."""
    sampling: float
    """FLOPs of sampling responses, for training and for mining."""
    training_hours: float
    """GPU-hours of training and scoring at the recipe's utilisation."""
    sampling_hours: float
    """GPU-hours of sampling, by FLOPs or by memory traffic, whichever takes longer."""

    @property
    def flops(self) -> float:
        """All FLOPs."""
        return self.training + self.scoring + self.sampling

    @property
    def hours(self) -> float:
        """All GPU-hours; evaluation, loading, saving and idle time are not included."""
        return self.training_hours + self.sampling_hours


def compute_estimate(
    architecture: Architecture, recipe: Recipe, stage: Stage, work: Workload, teacher: Architecture | None = None
) -> ComputeEstimate:
    """Return a stage's FLOPs, and its GPU-hours at the recipe's share of its GPU's peak; `teacher`: of distillation."""
    gpu = GPUS[recipe.hardware.gpu]
    flops_per_second = gpu.flops * recipe.hardware.utilisation
    forward = forward_flops(architecture, recipe, work.tokens, work.loss_tokens, work.context)
    backward = forward + _weight_gradient_flops(architecture, recipe, work)
    # Recipes in bfloat16 are for GPUs and use gradient checkpointing, see trainer_config.
    recomputation = forward if recipe.base.dtype == "bfloat16" else 0
    training = forward + backward + recomputation
    scoring = _scoring_passes(stage) * forward
    if teacher is not None:
        scoring += work.tokens * (2 * teacher.block_weights + _attention_flops(teacher, work.context))
        scoring += work.loss_tokens * 2 * teacher.head
    sampling, sampling_seconds = 0.0, 0.0
    if isinstance(stage, Grpo | Distill):
        sampling = forward * ((work.sampled + work.mined) / work.sampled)
        memory_seconds = _decoding_bytes(architecture, recipe, stage, work) / gpu.bandwidth
        sampling_seconds = max(sampling / flops_per_second, memory_seconds)
    hours = (training + scoring) / flops_per_second / HOUR
    return ComputeEstimate(training, scoring, sampling, hours, sampling_seconds / HOUR)


def forward_flops(architecture: Architecture, recipe: Recipe, tokens: int, loss_tokens: int, context: int) -> float:
    """Return the FLOPs of one forward pass over `tokens`, of which `loss_tokens` go through the output head."""
    weights = architecture.block_weights + _adapter_parameters(architecture, recipe)
    return tokens * (2 * weights + _attention_flops(architecture, context)) + loss_tokens * 2 * architecture.head


def _attention_flops(architecture: Architecture, context: int) -> int:
    """Return 4 L H d s, the FLOPs per token of queries times keys and of attention weights times values."""
    return 4 * architecture.layers * architecture.heads * architecture.head_dim * context


def _adapter_parameters(architecture: Architecture, recipe: Recipe) -> int:
    return sum(architecture.adapters(recipe.lora).values()) if recipe.lora else 0


def _weight_gradient_flops(architecture: Architecture, recipe: Recipe, work: Workload) -> float:
    """Return the FLOPs of the gradients of trained weights, and of the second operands of attention's products."""
    attention = _attention_flops(architecture, work.context)
    if recipe.lora:
        return work.tokens * (2 * _adapter_parameters(architecture, recipe) + attention)
    return work.tokens * (2 * architecture.block_weights + attention) + work.loss_tokens * 2 * architecture.head


def _scoring_passes(stage: Stage) -> int:
    """Return the forward passes without a gradient per response of a grpo stage.

    The reference makes one where the KL divergence has a weight. TRL makes one over vLLM's samples, as vLLM's
    probabilities differ slightly from the policy's.
    """
    if not isinstance(stage, Grpo):
        return 0
    return (stage.beta > 0) + (stage.rollout.engine != "transformers")


def _decoding_bytes(architecture: Architecture, recipe: Recipe, stage: Grpo | Distill, work: Workload) -> float:
    """Return the bytes that decoding reads: all weights for each token of a batch, and the growing KV caches.

    A batch is the responses of one step, and its longest response is assumed to reach the token limit. Each GPU holds
    a copy of the weights; a vLLM server counts as one copy, whatever the number of its GPUs.
    """
    expected = expected_tokens(stage)
    responses = work.sampled + work.mined
    batches = math.ceil(responses / (stage.prompts * stage.rollout.generations))
    copies = 1 if stage.rollout.engine == "vllm_server" else recipe.hardware.devices
    weights = batches * copies * stage.rollout.max_tokens * 2 * (architecture.block_weights + architecture.head)
    # Averaged over a completion, the cache holds the prompt and half of the completion.
    mean_cached = expected.prompt + expected.completion / 2
    return weights + responses * expected.completion * mean_cached * architecture.kv_bytes
