"""The amount of work of a stage: optimizer steps, tokens and sampled responses."""

from __future__ import annotations

import math
from dataclasses import dataclass

from evalsuite.errors import ErrorCode, UsageError
from training import trainer_config
from training.estimate.data_needs import DataNeed
from training.recipe import ChatStage, Distill, Grpo, Pretrain, Sft, Stage
from training.recipe_sections import Expectation


@dataclass(frozen=True, slots=True)
class Workload:
    """One stage's work over all GPUs, at most: it may end earlier by early stopping or on a plateau."""

    steps: int
    tokens: int
    """Tokens that are trained on, including prompts."""
    loss_tokens: int
    """Tokens with a loss; only these go through the output head."""
    context: int
    """Tokens per sequence."""
    sampled: int = 0
    """Responses that are sampled and trained on."""
    mined: int = 0
    """Responses that are sampled for hard-sample mining and not trained on."""


def workload(stage: Stage, devices: int, need: DataNeed) -> Workload:
    """Return a stage's work; rows that the recipe doesn't state are counted from its data.

    Where an expectation is missing in the recipe that the work depends on, it is a `UsageError`.
    """
    if isinstance(stage, Pretrain):
        return _pretrain(stage, devices)
    if isinstance(stage, Sft):
        return _sft(stage, devices, need)
    return _sampled(stage, need)


def expected_tokens(stage: ChatStage) -> Expectation:
    """Return the mean tokens of a stage's rows; a `UsageError` where the recipe doesn't state them."""
    if stage.expects is None:
        raise UsageError(
            ErrorCode.INVALID_RECIPE,
            f"stage {stage.name}: add expects: {{prompt: TOKENS, completion: TOKENS}}, which planning needs",
        )
    return stage.expects


def _pretrain(stage: Pretrain, devices: int) -> Workload:
    steps = trainer_config.steps(stage, devices)
    tokens = steps * stage.batch.sequences * stage.batch.accumulation * devices * stage.batch.length
    return Workload(steps, tokens, tokens, stage.batch.length)


def _sft(stage: Sft, devices: int, need: DataNeed) -> Workload:
    expected = expected_tokens(stage)
    train_rows = _rows(stage, need) - _dev_rows(stage, need)
    if train_rows < 1:
        raise UsageError(ErrorCode.INVALID_RECIPE, f"stage {stage.name}: hold_out leaves no rows to train on; lower it")
    # The trainer rounds up twice: the last pass of an epoch may be smaller, and so may its last step.
    passes = math.ceil(train_rows / (stage.batch.sequences * devices))
    row_visits = stage.epochs * train_rows
    return Workload(
        steps=stage.epochs * math.ceil(passes / stage.batch.accumulation),
        tokens=row_visits * (expected.prompt + expected.completion),
        loss_tokens=row_visits * expected.completion,
        context=expected.prompt + expected.completion,
    )


def _sampled(stage: Grpo | Distill, need: DataNeed) -> Workload:
    expected = expected_tokens(stage)
    sampled = stage.steps * stage.prompts * stage.rollout.generations
    mined = 0
    if isinstance(stage, Grpo) and stage.mining is not None:
        mined = math.ceil(stage.steps / stage.mining.every) * stage.mining.samples * _rows(stage, need)
    context = expected.prompt + expected.completion
    return Workload(stage.steps, sampled * context, sampled * expected.completion, context, sampled, mined)


def _dev_rows(stage: Sft, need: DataNeed) -> int:
    """Return the rows of train.jsonl that are held out for early stopping: none where the data have dev rows."""
    return 0 if stage.patience is None or need.has_dev else stage.hold_out or 0


def _rows(stage: ChatStage, need: DataNeed) -> int:
    """Return the rows that a stage uses; a manifest doesn't count rows by tier."""
    selects_tiers = isinstance(stage, Grpo) and stage.tiers is not None
    rows = expected_tokens(stage).rows or (None if selects_tiers else need.rows)
    if rows is None and selects_tiers:
        raise UsageError(
            ErrorCode.INVALID_RECIPE,
            f"stage {stage.name}: add expects.rows, the number of rows of its tiers, which planning needs",
        )
    if rows is None:
        raise UsageError(
            ErrorCode.INVALID_RECIPE, f"stage {stage.name}: add expects.rows, or give `data`, which planning needs"
        )
    return rows
