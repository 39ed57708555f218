"""Steps and batches, computed by hand from a recipe's numbers (TRL's objects are tested in integration/training)."""

import pytest

from evalsuite.errors import ErrorCode, UsageError
from training import trainer_config
from training.recipe import read_recipe
from training.recipe_sections import Batch

REASONMED = read_recipe("reasonmed-8b")


def test_five_billion_tokens_are_19074_steps_on_four_gpus():
    # 512 tokens x 32 sequences x 4 accumulation x 4 GPUs = 262,144 tokens a step; 5e9 / 262,144 = 19,073.5
    assert trainer_config.steps(REASONMED.stage("pretrain"), devices=4) == 19_074
    assert trainer_config.steps(REASONMED.stage("pretrain"), devices=1) == 76_294


def test_stated_steps_do_not_depend_on_the_devices():
    stage = REASONMED.stage("pretrain").model_copy(update={"tokens": None, "steps": 7})
    assert {trainer_config.steps(stage, devices) for devices in (1, 4, 8)} == {7}


@pytest.mark.parametrize(("tokens", "steps"), [(1, 1), (64, 1), (65, 2), (640, 10)])
def test_the_last_step_may_exceed_the_tokens(tokens, steps):
    batch = Batch(sequences=4, accumulation=2, length=8)
    stage = REASONMED.stage("pretrain").model_copy(update={"tokens": tokens, "batch": batch})
    assert trainer_config.steps(stage, devices=1) == steps


def test_a_grpo_step_holds_all_completions_of_its_prompts():
    # 32 prompts x 8 completions = 256, 8 at a time on each of 4 GPUs: 8 passes.
    assert trainer_config.micro_batches(REASONMED.stage("grpo"), devices=4) == (8, 8)
    # Without a micro-batch: all at once, 64 on each.
    stage = REASONMED.stage("grpo").model_copy(update={"micro_batch": None})
    assert trainer_config.micro_batches(stage, devices=4) == (64, 1)


@pytest.mark.parametrize(("prompts", "micro_batch", "devices"), [(32, 7, 4), (3, 8, 2), (1, None, 16), (3, None, 5)])
def test_completions_that_do_not_divide_are_refused(prompts, micro_batch, devices):
    stage = REASONMED.stage("grpo").model_copy(update={"prompts": prompts, "micro_batch": micro_batch})
    with pytest.raises(UsageError) as caught:
        trainer_config.micro_batches(stage, devices)
    assert caught.value.code is ErrorCode.INVALID_RECIPE and f"{prompts} prompts x 8" in str(caught.value)
