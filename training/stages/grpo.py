"""Group relative policy optimisation, paid by the benchmark's strict parse alone, along Fleming-R1's curriculum.

A group whose completions are all right or all wrong teaches nothing. Such groups are avoided by what is drawn: the
recipe's tiers, and the weights of mining. TRL itself has no more than another scale of the advantages (`scale`: a dead
group's stay 0 under any), and no resampling as DAPO does; a group once drawn is paid for.

The engine `vllm_server` expects `trl vllm-serve --model MODEL` on port 8000 of this machine, begun by hand; MODEL is
the recipe's base model, or any of its shape: the policy's weights are sent there before the first completion.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from accelerate import PartialState
from trl import GRPOConfig, GRPOTrainer

from training import step_log, trainer_config, weights
from training.curriculum import pool_sampling
from training.curriculum.mining import MiningHistory
from training.curriculum.phase import PhaseCallback
from training.curriculum.prompt_sampler import PromptSampler
from training.data import rows
from training.recipe import Grpo
from training.stages import checkpoints
from training.stages.job import StageJob, devices
from training.stages.rollout_reward import RolloutReward

if TYPE_CHECKING:
    import datasets


class PolicyTrainer(GRPOTrainer):
    """TRL's trainer, its prompts drawn by the curriculum."""

    draws: PromptSampler

    def _get_train_sampler(self, dataset: Any = None) -> PromptSampler:
        return self.draws


def prepare(job: StageJob) -> tuple[PolicyTrainer, dict[str, Any]]:
    """Make the trainer, and say what it was given.

    The policy starts from the stage's start, which is also the reference of the KL divergence. With LoRA a start that
    is an adapter is first merged into whole weights, a new adapter is trained on them, and the reference is the model
    without it; without LoRA the reference, where beta asks for one, is loaded from the start.
    """
    stage = job.stage
    assert isinstance(stage, Grpo)
    tokenizer = weights.load_tokenizer(job.recipe, job.start, job.data)
    spec = _settings(job, stage, tokenizer)  # before the rows: it tells accelerate which processes there are
    given = tiered(rows.load(job.rows, "train", rows.kind_of(stage), job.cache), stage, job.rows)
    _go_back(job)
    trainer = PolicyTrainer(
        model=_policy(job),
        reward_funcs=RolloutReward(
            job.folder.completions, stage.rollout.generations, coin=job.recipe.seed if job.control else None
        ),
        args=spec,
        train_dataset=given,
        processing_class=tokenizer,
        peft_config=None if job.recipe.lora is None else trainer_config.lora(job.recipe.lora),
    )
    _curriculum(job, stage, trainer, given)
    return trainer, {"rows": len(given), "control": job.control}


def tiered(given: datasets.Dataset, stage: Grpo, place: Path) -> datasets.Dataset:
    """The rows of the stage's tiers, in their order; a tier without rows is a `DataError`."""
    if stage.tiers is None:
        return given
    tiers = given["tier"]
    rows.refuse_absent_tiers(stage, tiers, place)
    return given.select([row for row, tier in enumerate(tiers) if tier in stage.tiers])


def _curriculum(job: StageJob, stage: Grpo, trainer: PolicyTrainer, given: datasets.Dataset) -> None:
    """Say which prompts are drawn and when the phase ends.

    The control is trained for all steps: a coin's reward has a plateau from the first, and would let it off early.
    """
    history = None
    if stage.mining is not None:
        history = MiningHistory(job.folder.path / "mining.jsonl", given["item"], stage.rollout.generations)
    trainer.draws = PromptSampler(
        len(given),
        stage.prompts,
        stage.rollout.generations,
        trainer.args.steps_per_generation,
        stage.steps,
        job.recipe.seed,
        None if history is None else history.weights_at,
    )
    samples = 0 if stage.mining is None else stage.mining.samples
    asking = partial(pool_sampling.ask, trainer, given, samples, job.recipe.seed)
    trainer.add_callback(
        PhaseCallback(job.folder, None if job.control else stage.plateau, stage.mining, history, asking)
    )


def _settings(job: StageJob, stage: Grpo, tokenizer: Any) -> GRPOConfig:
    spec = trainer_config.grpo(job.recipe, stage, job.folder.checkpoints, devices())
    if stage.mining is not None:
        spec.num_generations_eval = stage.mining.samples
    if job.recipe.lora is None and not Path(job.start).is_dir():
        spec.model_init_kwargs = {"revision": job.recipe.base.revision}  # of the reference, which TRL loads by name
    if job.recipe.base.eos is not None and stage.rollout.engine != "transformers":
        spec.generation_kwargs = {"stop_token_ids": [tokenizer.eos_token_id]}  # vLLM reads a tokenizer of its own
    return spec


def _policy(job: StageJob) -> Any:
    """All weights of the start, or what a new adapter is trained on: the start itself, or its merge."""
    if job.recipe.lora is None:
        return weights.load(job.recipe, job.start, job.data)
    start: Path | str = job.start
    if weights.is_adapter(start):
        with PartialState().main_process_first():
            start = weights.merge(job.recipe, start, job.data, job.folder.path / "start", job.recipe.base.dtype)
    return weights.load_full_weights(job.recipe, start, job.data)


def _go_back(job: StageJob) -> None:
    """Cut the journals behind the checkpoint that the stage goes on from."""
    with PartialState().main_process_first():
        if PartialState().is_main_process:
            last = checkpoints.latest(job.folder.checkpoints)
            for journal in (job.folder.completions, job.folder.path / "mining.jsonl"):
                step_log.truncate_after(journal, 0 if last is None else last.step)
