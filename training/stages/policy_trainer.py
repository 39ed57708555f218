"""TRL's trainer with the curriculum's prompts: all that uses TRL's private names, so that a release breaks this alone.

TRL has no hook for the order of prompts, none for what surrounds a rollout, and none for completions outside a training
step. Of its private names these are used: `_get_train_sampler` and `_generate` (overridden), and `_metrics`.
"""

from __future__ import annotations

from typing import Any

from peft import PeftModel
from transformers import GenerationConfig
from trl import DistillationTrainer, GRPOTrainer

from training.curriculum.prompt_sampler import PromptSampler

_COMPLETIONS = 3
"""Place of the completions among what `_generate` returns."""


class _PlainSampling:
    """Sampling with nothing but what the recipe states, of prompts in an order that a resumed stage goes on with."""

    accelerator: Any
    model: Any
    prompt_sampler: PromptSampler

    def _get_train_sampler(self, dataset: Any = None) -> PromptSampler:
        return self.prompt_sampler

    def _generate(self, prompts: list[Any]) -> Any:
        # transformers fills what TRL leaves open from the model's own defaults, such as `no_repeat_ngram_size`.
        model = self.accelerator.unwrap_model(self.model)
        model = model.get_base_model() if isinstance(model, PeftModel) else model
        own, model.generation_config = model.generation_config, GenerationConfig()
        try:
            return super()._generate(prompts)  # type: ignore[misc]
        finally:
            model.generation_config = own


class StudentTrainer(_PlainSampling, DistillationTrainer):
    """TRL's trainer of on-policy distillation."""


class PolicyTrainer(_PlainSampling, GRPOTrainer):
    """TRL's trainer with the curriculum's prompt sampler."""

    def complete(self, prompts: list[Any]) -> list[Any]:
        """Sample one completion for each prompt, as in a rollout of the mode (training or evaluation) of the model."""
        completions: list[Any] = self._generate(prompts)[_COMPLETIONS]
        return completions

    def discard_evaluation_metrics(self) -> None:
        """Forget what TRL measured on completions in evaluation mode: it would appear in the log of the next step."""
        self._metrics["eval"].clear()
