"""Maps a recipe's settings to the configuration objects of TRL, PEFT and bitsandbytes; nothing is loaded or run."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from evalsuite.errors import ErrorCode, UsageError
from training.recipe import Distill, Grpo, Lora, Pretrain, Recipe, Sft, Stage

if TYPE_CHECKING:
    from peft import LoraConfig
    from transformers import BitsAndBytesConfig
    from trl import DistillationConfig, GRPOConfig, SFTConfig

SAVE_LIMIT: Final = 2
"""Checkpoints to keep: a kill may leave the last one incomplete, but not the one before it."""
_WHOLE_DISTRIBUTION: Final[Mapping[str, Any]] = MappingProxyType(
    {
        # What cuts or changes the distribution makes sampler and trainer two policies.
        "top_p": 1.0,
        "top_k": 0,
        "min_p": None,
        "repetition_penalty": 1.0,
        # TRL samples, and computes the old log-probabilities, in training mode, each with a dropout of its own.
        "disable_dropout": True,
    }
)
_POLICY_IS_SAMPLED: Final[Mapping[str, Any]] = MappingProxyType(
    {
        **_WHOLE_DISTRIBUTION,
        # vLLM rounds otherwise than the trainer. A weight for each token, at most 3; TRL's default drops a whole
        # completion whose tokens' weights multiply to more than 3, which long ones do by chance.
        "vllm_importance_sampling_correction": True,
        "vllm_importance_sampling_mode": "token_truncate",
        "vllm_importance_sampling_clip_max": 3.0,
        "vllm_importance_sampling_clip_min": None,
    }
)
_ENGINES: Final[Mapping[str, Mapping[str, Any]]] = MappingProxyType(
    {
        "transformers": {"use_vllm": False},
        "vllm_colocate": {"use_vllm": True, "vllm_mode": "colocate"},
        "vllm_server": {"use_vllm": True, "vllm_mode": "server"},
    }
)


def pretrain(recipe: Recipe, stage: Pretrain, out: Path, devices: int, packed: bool = True) -> SFTConfig:
    """Return the settings of continued pretraining, on packed text or on rows of a prompt and a completion.

    Packed texts are shuffled before they are joined. Rows with a prompt are not packed, because a completion that is
    cut off from its prompt can't be learnt; they are batched by length, so that a CPU pads little.
    """
    from trl import SFTConfig

    # "wrapped" cuts the joined text every `length` tokens. TRL's default, "bfd", needs FlashAttention to separate the
    # texts of a sequence, and no CPU has that.
    return SFTConfig(
        **_common(recipe, stage, out),
        **_batch(stage),
        packing=packed,
        packing_strategy="wrapped",
        shuffle_dataset=packed,
        train_sampling_strategy="random" if packed else "group_by_length",
        max_steps=steps(stage, devices),
        include_num_input_tokens_seen="non_padding",
    )


def steps(stage: Pretrain, devices: int) -> int:
    """Return the number of optimizer steps: as stated, or enough for the stage's tokens in full packed sequences."""
    if stage.steps is not None:
        return stage.steps
    tokens_per_step = stage.batch.length * stage.batch.sequences * stage.batch.accumulation * devices
    return math.ceil((stage.tokens or 0) / tokens_per_step)


def sft(recipe: Recipe, stage: Sft, out: Path) -> SFTConfig:
    """Return the settings of supervised fine-tuning, with the loss on trace and answer only.

    With patience the weights with the lowest loss on the held-out rows are kept; it is measured at every checkpoint.
    """
    from trl import SFTConfig

    return SFTConfig(
        **_common(recipe, stage, out),
        **_batch(stage),
        **_stopping(stage),
        completion_only_loss=True,
        num_train_epochs=stage.epochs,
        include_num_input_tokens_seen="non_padding",
    )


def grpo(recipe: Recipe, stage: Grpo, out: Path, devices: int) -> GRPOConfig:
    """Return the settings of group relative policy optimisation: each step samples once and trains once on it."""
    from trl import GRPOConfig

    per_device, accumulation = micro_batches(stage, devices)
    return GRPOConfig(
        **_common(recipe, stage, out),
        **_ENGINES[stage.rollout.engine],
        per_device_train_batch_size=per_device,
        gradient_accumulation_steps=accumulation,
        generation_batch_size=stage.prompts * stage.rollout.generations,
        num_generations=stage.rollout.generations,
        num_iterations=1,  # on-policy: no completion is trained on twice
        max_completion_length=stage.rollout.max_tokens,
        temperature=stage.rollout.temperature,
        **_POLICY_IS_SAMPLED,
        max_steps=stage.steps,
        beta=stage.beta,
        use_bias_correction_kl=False,  # the gradient of Shao et al.'s estimate; True is that of DeepSeek-V3.2
        loss_type=stage.loss,
        scale_rewards=stage.scale,
    )


def distill(recipe: Recipe, stage: Distill, out: Path, devices: int) -> DistillationConfig:
    """Return the settings of on-policy distillation: each step samples once and trains once on it."""
    from trl import DistillationConfig

    per_device, accumulation = micro_batches(stage, devices)
    return DistillationConfig(
        **_common(recipe, stage, out),
        **_ENGINES[stage.rollout.engine],
        **_WHOLE_DISTRIBUTION,
        per_device_train_batch_size=per_device,
        gradient_accumulation_steps=accumulation,
        max_completion_length=stage.rollout.max_tokens,
        temperature=stage.rollout.temperature,
        max_steps=stage.steps,
        beta=stage.divergence,
    )


def micro_batches(stage: Grpo | Distill, devices: int) -> tuple[int, int]:
    """Return how many completions are in a forward pass of each device, and how many passes are in a step.

    A step that doesn't divide into equal passes is a `UsageError`.
    """
    completions = stage.prompts * stage.rollout.generations
    per_device = stage.micro_batch or completions // devices
    if not per_device or completions % (per_device * devices):
        raise UsageError(
            ErrorCode.INVALID_RECIPE,
            f"stage {stage.name}: {stage.prompts} prompts x {stage.rollout.generations} completions don't divide into "
            f"micro-batches of {stage.micro_batch or 'equal size'} on {devices} devices: change prompts or micro_batch",
        )
    return per_device, completions // (per_device * devices)


def lora(adapter: Lora) -> LoraConfig:
    """Return the adapter's configuration, for a causal language model."""
    from peft import LoraConfig

    return LoraConfig(
        r=adapter.r,
        lora_alpha=adapter.alpha,
        lora_dropout=adapter.dropout,
        target_modules=list(adapter.targets),
        bias="none",  # a trained bias would change the model even without its adapter
        task_type="CAUSAL_LM",
    )


def nf4() -> BitsAndBytesConfig:
    """Return the quantisation of frozen weights: 4-bit NormalFloat with double quantisation (Dettmers et al. 2023).

    Computation is in bfloat16.
    """
    import torch
    from transformers import BitsAndBytesConfig

    return BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=torch.bfloat16,
    )


def _common(recipe: Recipe, stage: Stage, out: Path) -> dict[str, Any]:
    """Return the settings that every stage's trainer has."""
    import torch

    # A recipe in bfloat16 is one for GPUs, whose memory is short: activations are computed again instead of stored.
    # TRL's own defaults would turn both on for CPUs too.
    on_gpus = recipe.base.dtype == "bfloat16"
    return {
        "output_dir": str(out),
        "seed": recipe.seed,
        "data_seed": recipe.seed,
        "use_cpu": not torch.cuda.is_available(),
        "bf16": on_gpus,
        "gradient_checkpointing": on_gpus,
        "optim": "adamw_torch_fused",
        "learning_rate": stage.optimiser.learning_rate,
        "lr_scheduler_type": stage.optimiser.schedule,
        "warmup_steps": stage.optimiser.warmup,
        "weight_decay": stage.optimiser.weight_decay,
        "adam_beta2": stage.optimiser.beta2,
        "max_grad_norm": stage.optimiser.clip,
        "logging_steps": 1,  # a step takes much longer than writing its line
        "logging_nan_inf_filter": False,  # a loss that isn't finite must be seen, since it ends the stage
        "save_strategy": "steps",
        "save_steps": stage.checkpoint_every,
        "save_total_limit": SAVE_LIMIT,
        "report_to": [],  # nothing is sent anywhere
        "disable_tqdm": True,  # the run shows the progress itself, from metrics.jsonl
    }


def _batch(stage: Pretrain | Sft) -> dict[str, Any]:
    return {
        "per_device_train_batch_size": stage.batch.sequences,
        "per_device_eval_batch_size": stage.batch.sequences,
        "gradient_accumulation_steps": stage.batch.accumulation,
        "max_length": stage.batch.length,
    }


def _stopping(stage: Sft) -> dict[str, Any]:
    if stage.patience is None:
        return {}
    return {
        "eval_strategy": "steps",
        "eval_steps": stage.checkpoint_every,
        "load_best_model_at_end": True,
        "metric_for_best_model": "eval_loss",
        "greater_is_better": False,
        # Holds how often in a row the loss has not fallen: a resumed stage must not count from 0 again.
        "restore_callback_states_from_checkpoint": True,
    }
