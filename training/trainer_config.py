"""What a recipe's stage means in the words of TRL, PEFT and bitsandbytes: a pure mapping, nothing is loaded or run."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from evalsuite.errors import UsageError
from training.recipe import Grpo, Lora, Pretrain, Recipe, Sft, Stage

if TYPE_CHECKING:
    from peft import LoraConfig
    from transformers import BitsAndBytesConfig
    from trl import GRPOConfig, SFTConfig

KEPT: Final = 2
"""Checkpoints that are kept: the last may be torn by a kill, the one before it can't."""
_ENGINES: Final[Mapping[str, Mapping[str, Any]]] = MappingProxyType(
    {
        "transformers": {"use_vllm": False},
        "vllm_colocate": {"use_vllm": True, "vllm_mode": "colocate"},
        "vllm_server": {"use_vllm": True, "vllm_mode": "server"},
    }
)


def pretrain(recipe: Recipe, stage: Pretrain, out: Path, devices: int, packed: bool = True) -> SFTConfig:
    """Settings of continued pretraining, on text that is packed or on rows of prompt and completion that aren't.

    "wrapped" cuts the joined text every `length` tokens; TRL's default, "bfd", leaves padding out and keeps texts
    apart only where the attention is FlashAttention's, which a CPU hasn't. Texts are shuffled before they are joined.
    A row with a prompt stays whole: a completion that is cut off from its prompt can't be learnt. Such rows are put
    together by length, so that a CPU pads little.
    """
    from trl import SFTConfig

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
    """Optimizer steps: as stated, or as many as hold the stage's tokens; a step is full packed sequences."""
    if stage.steps is not None:
        return stage.steps
    a_step = stage.batch.length * stage.batch.sequences * stage.batch.accumulation * devices
    return math.ceil((stage.tokens or 0) / a_step)


def sft(recipe: Recipe, stage: Sft, out: Path) -> SFTConfig:
    """Settings of supervised fine-tuning: the loss is on trace and answer; with patience the best weights are kept.

    They are the ones with the lowest loss on the held-out rows, which is measured at every checkpoint.
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
    """Settings of group relative policy optimisation: a generation, a step; what is sampled is paid once."""
    from trl import GRPOConfig

    per_device, accumulation = micro_batches(stage, devices)
    return GRPOConfig(
        **_common(recipe, stage, out),
        **_ENGINES[stage.rollout.engine],
        per_device_train_batch_size=per_device,
        gradient_accumulation_steps=accumulation,
        generation_batch_size=stage.prompts * stage.rollout.generations,
        num_generations=stage.rollout.generations,
        num_iterations=1,
        max_completion_length=stage.rollout.max_tokens,
        temperature=stage.rollout.temperature,
        top_p=stage.rollout.top_p,
        max_steps=stage.steps,
        beta=stage.beta,
        loss_type=stage.loss,
        scale_rewards=stage.scale,
    )


def micro_batches(stage: Grpo, devices: int) -> tuple[int, int]:
    """Completions a forward pass on each device, and passes a step; what doesn't divide is a `UsageError`."""
    completions = stage.prompts * stage.rollout.generations
    per_device = stage.micro_batch or completions // devices
    if not per_device or completions % (per_device * devices):
        raise UsageError(
            f"stage {stage.name}: {stage.prompts} prompts x {stage.rollout.generations} completions don't divide into "
            f"micro-batches of {stage.micro_batch or 'equal size'} on {devices} devices: change prompts or micro_batch"
        )
    return per_device, completions // (per_device * devices)


def lora(adapter: Lora) -> LoraConfig:
    """The adapter's shape, for a causal language model."""
    from peft import LoraConfig

    return LoraConfig(
        r=adapter.r,
        lora_alpha=adapter.alpha,
        lora_dropout=adapter.dropout,
        target_modules=list(adapter.targets),
        bias="none",
        task_type="CAUSAL_LM",
    )


def nf4() -> BitsAndBytesConfig:
    """Frozen weights in 4-bit NormalFloat, its constants quantised too, computed in bfloat16 (Dettmers et al. 2023)."""
    import torch
    from transformers import BitsAndBytesConfig

    return BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=torch.bfloat16,
    )


def _common(recipe: Recipe, stage: Stage, out: Path) -> dict[str, Any]:
    """What every stage's trainer is told; TRL's own defaults for bf16 and gradient checkpointing hold on CPUs too.

    A recipe in bfloat16 is one for GPUs: memory is short there, so activations are computed again instead of kept.
    Every step is logged, as a step of these stages takes longer than its line, and a loss that isn't finite is seen.
    """
    import torch

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
        "logging_steps": 1,
        "logging_nan_inf_filter": False,
        "save_strategy": "steps",
        "save_steps": stage.checkpoint_every,
        "save_total_limit": KEPT,
        "report_to": [],
        "disable_tqdm": True,
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
        # How often in a row the loss has not fallen: a stage that goes on counts on, and doesn't begin again at 0.
        "restore_callback_states_from_checkpoint": True,
    }
