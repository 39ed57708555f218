"""How much a stage works through: optimizer steps, tokens, responses."""

from __future__ import annotations

import math
from dataclasses import dataclass

from evalsuite.errors import UsageError
from training import trainer_config
from training.estimate.data_needs import DataNeed
from training.recipe import Expectation, Grpo, Pretrain, Sft, Stage


@dataclass(frozen=True, slots=True)
class Workload:
    """A stage's work, over all GPUs; of early stopping or a plateau nothing is assumed, so it is the most."""

    steps: int
    tokens: int
    """Tokens that are trained on, prompts among them."""
    labelled: int
    """Those with a loss, which alone go through the output head."""
    context: int
    """Tokens a sequence."""
    sampled: int = 0
    """Responses that are sampled and trained on."""
    mined: int = 0
    """Responses that are sampled only to find out what fails."""


def workload(stage: Stage, devices: int, found: DataNeed) -> Workload:
    """What a stage works through; rows that it doesn't expect are counted from its data.

    A stage that doesn't say what it expects of its data, where that matters, is a `UsageError`.
    """
    if isinstance(stage, Pretrain):
        return _pretrain(stage, devices)
    if isinstance(stage, Sft):
        return _sft(stage, devices, found)
    return _grpo(stage, found)


def expected(stage: Sft | Grpo) -> Expectation:
    """The mean tokens of a stage's rows; a `UsageError` where the recipe doesn't say them."""
    if stage.expects is None:
        raise UsageError(f"stage {stage.name}: say expects: {{prompt: TOKENS, completion: TOKENS}}, to be planned")
    return stage.expects


def _pretrain(stage: Pretrain, devices: int) -> Workload:
    steps = trainer_config.steps(stage, devices)
    tokens = steps * stage.batch.sequences * stage.batch.accumulation * devices * stage.batch.length
    return Workload(steps, tokens, tokens, stage.batch.length)


def _sft(stage: Sft, devices: int, found: DataNeed) -> Workload:
    each = expected(stage)
    kept = _rows(stage, found) - _held_out(stage, found)
    if kept < 1:
        raise UsageError(f"stage {stage.name}: hold_out leaves no rows to train on")
    passes = math.ceil(kept / (stage.batch.sequences * devices))
    seen = stage.epochs * kept
    return Workload(
        steps=stage.epochs * math.ceil(passes / stage.batch.accumulation),
        tokens=seen * (each.prompt + each.completion),
        labelled=seen * each.completion,
        context=each.prompt + each.completion,
    )


def _grpo(stage: Grpo, found: DataNeed) -> Workload:
    each = expected(stage)
    sampled = stage.steps * stage.prompts * stage.rollout.generations
    mined = 0
    if stage.mining is not None:
        mined = math.ceil(stage.steps / stage.mining.every) * stage.mining.samples * _rows(stage, found)
    context = each.prompt + each.completion
    return Workload(stage.steps, sampled * context, sampled * each.completion, context, sampled, mined)


def _held_out(stage: Sft, found: DataNeed) -> int:
    """Rows of train.jsonl that early stopping takes: none where the data has its own."""
    return 0 if stage.patience is None or found.dev else stage.hold_out or 0


def _rows(stage: Sft | Grpo, found: DataNeed) -> int:
    """Rows that a stage takes; of which tier they are no manifest says."""
    some = isinstance(stage, Grpo) and stage.tiers is not None
    rows = expected(stage).rows or (None if some else found.rows)
    if rows is None and some:
        raise UsageError(f"stage {stage.name}: say expects.rows, how many are of its tiers, to be planned")
    if rows is None:
        raise UsageError(f"stage {stage.name}: say expects.rows, or where its data is, to be planned")
    return rows
