"""Group relative policy optimisation (Shao et al. 2024, arXiv:2402.03300), with the strict parse as its only reward.

A group whose rewards are all equal has zero variance: its advantages are 0, and it gives no gradient. The recipe's
tiers and the weights of hard-sample mining make such groups rare, after Fleming-R1 (arXiv:2509.15279). TRL itself only
offers other scales of the advantages (`scale`; `none` is that of Dr. GRPO, Liu et al. 2025, arXiv:2503.20783), under
which 0 stays 0. It has no dynamic sampling as in DAPO (Yu et al. 2025, arXiv:2503.14476), which samples further prompts
until enough groups vary and discards the others.

The engine `vllm_server` expects `trl vllm-serve --model MODEL` on port 8000 of this machine, started by the user. MODEL
is the recipe's base model or any of the same shape: the policy's weights are sent there before the first completion.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from accelerate import PartialState
from trl import GRPOConfig

from training import step_log, trainer_config, weights
from training.curriculum.mining import MINING_LOG, MiningHistory
from training.curriculum.phase import PhaseCallback
from training.curriculum.pool_sampling import sample_pool
from training.curriculum.prompt_sampler import PromptSampler
from training.data import rows
from training.recipe import Grpo
from training.stages import checkpoints
from training.stages.job import StageJob, world_size
from training.stages.policy_trainer import PolicyTrainer
from training.stages.rollout_reward import RolloutReward

if TYPE_CHECKING:
    import datasets


def prepare(job: StageJob) -> tuple[PolicyTrainer, dict[str, Any]]:
    """Return the trainer, and facts for stage.json.

    The policy and the reference of the KL divergence are both the stage's start model. With LoRA a start that is an
    adapter is merged into full weights, a new adapter is trained on them, and the reference is the model without it.
    Without LoRA the reference is loaded from the start, if beta is above 0.
    """
    stage = job.stage
    assert isinstance(stage, Grpo)
    tokenizer = weights.load_tokenizer(job.recipe, job.start, job.data)
    # First, as GRPOConfig initialises the process state of accelerate that everything below relies on.
    config = _config(job, stage, tokenizer)
    pool = select_tiers(rows.load(job.data_folder, "train", rows.kind_of(stage), job.cache), stage, job.data_folder)
    _truncate_journals(job)
    reward = RolloutReward(
        job.folder.completions, stage.rollout.generations, random_seed=job.recipe.seed if job.control else None
    )
    trainer = PolicyTrainer(
        model=load_policy(job),
        reward_funcs=reward,
        args=config,
        train_dataset=pool,
        processing_class=tokenizer,
        peft_config=None if job.recipe.lora is None else trainer_config.lora(job.recipe.lora),
    )
    if job.recipe.lora is not None:
        weights.refuse_tied_embeddings(trainer.model, f"recipe {job.recipe.name}: lora.targets")
    _add_curriculum(job, stage, trainer, pool)
    return trainer, {"rows": len(pool), "control": job.control}


def select_tiers(dataset: datasets.Dataset, stage: Grpo, folder: Path) -> datasets.Dataset:
    """Return the rows of the stage's tiers in their order; a tier without rows is a `DataError`."""
    if stage.tiers is None:
        return dataset
    tiers = dataset["tier"]
    rows.refuse_missing_tiers(stage, tiers, folder)
    return dataset.select([index for index, tier in enumerate(tiers) if tier in stage.tiers])


def _add_curriculum(job: StageJob, stage: Grpo, trainer: PolicyTrainer, pool: datasets.Dataset) -> None:
    """Set which prompts are drawn and when the phase ends."""
    history = None
    if stage.mining is not None:
        history = MiningHistory(job.folder.path / MINING_LOG, pool["item"], stage.rollout.generations)
    trainer.prompt_sampler = PromptSampler(
        len(pool),
        stage.prompts,
        stage.rollout.generations,
        trainer.args.steps_per_generation,
        stage.steps,
        job.recipe.seed,
        None if history is None else history.weights_at,
    )
    samples = 0 if stage.mining is None else stage.mining.samples
    mine = partial(sample_pool, trainer, pool, samples, job.recipe.seed)
    # The control makes all of its steps: a random reward is flat from the start, and a plateau would end it early.
    plateau = None if job.control else stage.plateau
    trainer.add_callback(PhaseCallback(job.folder, plateau, stage.mining, history, mine))


def _config(job: StageJob, stage: Grpo, tokenizer: Any) -> GRPOConfig:
    config = trainer_config.grpo(job.recipe, stage, job.folder.checkpoints, world_size())
    if stage.mining is not None:
        config.num_generations_eval = stage.mining.samples
    if job.recipe.lora is None and not Path(job.start).is_dir():
        # TRL loads the reference by its name, and would take the newest revision.
        config.model_init_kwargs = {"revision": job.recipe.base.revision}
    if job.recipe.base.eos is not None and stage.rollout.engine != "transformers":
        # vLLM loads the tokenizer from the hub or folder, where its EOS is still the base model's.
        config.generation_kwargs = {"stop_token_ids": [tokenizer.eos_token_id]}
    return config


def load_policy(job: StageJob) -> Any:
    """Load the start model with all weights trained, or what a new adapter is trained on: the start, merged."""
    if job.recipe.lora is None:
        return weights.load(job.recipe, job.start, job.data)
    start: Path | str = job.start
    if weights.is_adapter(start):
        with PartialState().main_process_first():
            start = weights.merge(job.recipe, start, job.data, job.folder.path / "start", job.recipe.base.dtype)
    return weights.load_full_weights(job.recipe, start, job.data)


def _truncate_journals(job: StageJob) -> None:
    """Remove from the journals what was written after the checkpoint that training resumes from."""
    with PartialState().main_process_first():
        if PartialState().is_main_process:
            last = checkpoints.latest(job.folder.checkpoints)
            for journal in (job.folder.completions, job.folder.path / MINING_LOG):
                step_log.truncate_after(journal, 0 if last is None else last.step)
