"""FLOPs and GPU-hours of a stage.

A matrix product with P weights is 2P FLOPs a token; forward, backward to the activations and backward to the weights
are one each, the last for weights that are trained alone; gradient checkpointing runs forward once more (Kaplan et al.
2020, arXiv:2001.08361; Korthikanti et al. 2022, arXiv:2205.05198). Attention adds 4 L H d s to a forward pass at s
tokens of context, and twice that to a backward one (Chowdhery et al. 2022, arXiv:2204.02311, appendix B).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from training.estimate.architecture import Architecture
from training.estimate.gpu import GPUS
from training.estimate.workload import Workload, expected
from training.recipe import Grpo, Recipe, Stage

HOUR = 3_600


@dataclass(frozen=True, slots=True)
class ComputeEstimate:
    """FLOPs over all GPUs, and GPU-hours."""

    training: float
    """Forward, backward, and forward again where activations aren't kept."""
    scoring: float
    """Passes without a gradient: the reference's, and the policy's own over what vLLM sampled."""
    sampling: float
    """Responses, of training and of mining."""
    training_hours: float
    """Of training and scoring, at the recipe's utilisation."""
    sampling_hours: float
    """The longer of computing and of reading the weights and the cache from memory, a token at a time."""

    @property
    def flops(self) -> float:
        """All FLOPs."""
        return self.training + self.scoring + self.sampling

    @property
    def hours(self) -> float:
        """GPU-hours; neither evaluation nor loading, saving and waiting are among them."""
        return self.training_hours + self.sampling_hours


def compute_estimate(shape: Architecture, recipe: Recipe, stage: Stage, work: Workload) -> ComputeEstimate:
    """What a stage computes, and for how long at the stated share of the stated GPU's peak."""
    gpu = GPUS[recipe.hardware.gpu]
    a_second = gpu.flops * recipe.hardware.utilisation
    ahead = forward(shape, recipe, work.tokens, work.labelled, work.context)
    back = ahead + _weight_gradients(shape, recipe, work)
    training = ahead + back + (ahead if recipe.base.dtype == "bfloat16" else 0)
    scoring = _scoring_passes(stage) * ahead
    sampling, sampling_seconds = 0.0, 0.0
    if isinstance(stage, Grpo):
        share = (work.sampled + work.mined) / work.sampled
        sampling = ahead * share
        sampling_seconds = max(sampling / a_second, _reading(shape, recipe, stage, work) / gpu.bandwidth)
    hours = (training + scoring) / a_second / HOUR
    return ComputeEstimate(training, scoring, sampling, hours, sampling_seconds / HOUR)


def forward(shape: Architecture, recipe: Recipe, tokens: int, labelled: int, context: int) -> float:
    """FLOPs of one forward pass over tokens, of which `labelled` go through the output head."""
    attention = 4 * shape.layers * shape.heads * shape.head_dim * context
    return tokens * (2 * (shape.blocks + _adapters(shape, recipe)) + attention) + labelled * 2 * shape.head


def _adapters(shape: Architecture, recipe: Recipe) -> int:
    return sum(shape.adapters(recipe.lora).values()) if recipe.lora else 0


def _weight_gradients(shape: Architecture, recipe: Recipe, work: Workload) -> float:
    """FLOPs of the gradients of the weights that are trained, and of attention's second operand."""
    attention = 4 * shape.layers * shape.heads * shape.head_dim * work.context
    if recipe.lora:
        return work.tokens * (2 * _adapters(shape, recipe) + attention)
    return work.tokens * (2 * shape.blocks + attention) + work.labelled * 2 * shape.head


def _scoring_passes(stage: Stage) -> int:
    """The reference's, where it weighs; TRL's over vLLM's samples, whose probabilities differ from the policy's."""
    if not isinstance(stage, Grpo):
        return 0
    return (stage.beta > 0) + (stage.rollout.engine != "transformers")


def _reading(shape: Architecture, recipe: Recipe, stage: Grpo, work: Workload) -> float:
    """Bytes that decoding reads: all weights at each token of a round's longest response, and the growing caches.

    A round is a step's responses at once, and its longest is taken to reach the limit. Each GPU holds the weights, but
    a server is reckoned as one copy, which its GPUs share.
    """
    each = expected(stage)
    responses = work.sampled + work.mined
    rounds = math.ceil(responses / (stage.prompts * stage.rollout.generations))
    copies = 1 if stage.rollout.engine == "vllm_server" else recipe.hardware.devices
    weights = rounds * copies * stage.rollout.max_tokens * 2 * (shape.blocks + shape.head)
    return weights + responses * each.completion * (each.prompt + each.completion / 2) * shape.kv_bytes
