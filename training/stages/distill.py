"""On-policy distillation (Agarwal et al. 2024, arXiv:2306.13649): the student samples, the teacher scores each token.

The loss is the divergence between the next-token distributions of student and teacher at each token that the student
sampled, so that every token has a signal of its own, where a reward has one for the whole completion.
"""

from __future__ import annotations

from typing import Any

from training import trainer_config, weights
from training.curriculum.prompt_sampler import PromptSampler
from training.data import rows
from training.recipe import Distill
from training.stages.grpo import load_policy
from training.stages.job import StageJob, world_size
from training.stages.policy_trainer import StudentTrainer


def prepare(job: StageJob) -> tuple[StudentTrainer, dict[str, Any]]:
    """Return the trainer, and facts for stage.json; with LoRA an adapter that is the start is merged first."""
    stage = job.stage
    assert isinstance(stage, Distill)
    tokenizer = weights.load_tokenizer(job.recipe, job.start, job.data)
    # First, as it initialises the process state of accelerate that loading relies on.
    config = trainer_config.distill(job.recipe, stage, job.folder.checkpoints, world_size())
    prompts = rows.load(job.data_folder, "train", rows.kind_of(stage), job.cache)
    student = load_policy(job)
    trainer = StudentTrainer(
        model=student,
        teacher_model=weights.load_teacher(stage.teacher, job.data, tokenizer, student),
        args=config,
        train_dataset=prompts.select_columns(["prompt"]),
        processing_class=tokenizer,
        peft_config=None if job.recipe.lora is None else trainer_config.lora(job.recipe.lora),
    )
    trainer.prompt_sampler = PromptSampler(
        len(prompts), stage.prompts, 1, config.gradient_accumulation_steps, stage.steps, job.recipe.seed, None
    )
    if job.recipe.lora is not None:
        weights.refuse_tied_embeddings(trainer.model, f"recipe {job.recipe.name}: lora.targets")
    return trainer, {"rows": len(prompts), "teacher": stage.teacher.model}
