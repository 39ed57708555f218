"""A GRPO stage that is killed at any point and resumed ends in the same weights, bit for bit."""

import json

import policies
import pytest

pytest.importorskip("trl")

pytestmark = pytest.mark.integration
STAGE = {
    "steps": 7,
    "micro_batch": 6,  # two forward passes a step
    "checkpoint_every": 3,
    "mining": {"every": 2, "samples": 2},
    "plateau": {"window": 9, "gain": 1.0, "patience": 3},  # ends the stage at the mining of step 6
}
LORA = {"r": 4, "alpha": 8, "dropout": 0.05}
POOL_CALLS = 2
"""Batches of one mining: 12 items with 2 samples each, 12 completions at once."""
KILLS = {
    "in the first step, before any checkpoint": ("training.stages.grpo:PolicyTrainer.training_step", 2, False),
    "between the passes of step 5": ("training.stages.grpo:PolicyTrainer.training_step", 10, False),
    "during the mining at step 4": ("training.curriculum.pool_sampling:_count_right", 3 * POOL_CALLS, False),
    "after the mining at step 4 was written": ("training.curriculum.mining:MiningHistory.add", 3, True),
    "while the last checkpoint is written": ("transformers:Trainer._save_rng_state", 2, False),
    "after the last step, before the model is saved": ("training.stages.fit:_save", 1, False),
}


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """A policy, a data folder, and the uninterrupted stage for full weights and for an adapter."""
    folder = tmp_path_factory.mktemp("world")
    base, data = policies.make_policy(folder / "base"), folder / "data"
    policies.make_items(data / "items")
    uninterrupted = {
        name: policies.train(policies.recipe(base, STAGE, lora=lora), folder / name, base, data)
        for name, lora in (("full", None), ("lora", LORA))
    }
    return base, data, uninterrupted


def assert_equal(folder, uninterrupted):
    assert policies.weights_of(folder) == policies.weights_of(uninterrupted)
    for name in ("completions.jsonl", "mining.jsonl"):
        assert (folder.path / name).read_bytes() == (uninterrupted.path / name).read_bytes()
    timeless = [
        [{**line, "time": 0, "step_time": 0} for line in each.read_metrics()] for each in (folder, uninterrupted)
    ]
    assert timeless[0] == timeless[1]
    notes = [json.loads((each.path / "stage.json").read_text()) for each in (folder, uninterrupted)]
    assert notes[0]["ended"] == notes[1]["ended"] and notes[0]["steps"] == notes[1]["steps"] == 6


@pytest.mark.parametrize("place", KILLS)
def test_a_killed_stage_resumes_to_the_same_weights(world, tmp_path, place):
    base, data, uninterrupted = world
    where, call, after = KILLS[place]
    recipe = policies.recipe(base, STAGE)
    policies.die(recipe, tmp_path / "run", base, data, where, call, after)
    assert not (tmp_path / "run" / "model").exists()
    assert_equal(policies.train(recipe, tmp_path / "run", base, data), uninterrupted["full"])


def test_a_killed_stage_with_an_adapter_resumes_to_the_same_weights(world, tmp_path):
    base, data, uninterrupted = world
    recipe = policies.recipe(base, STAGE, lora=LORA)
    policies.die(recipe, tmp_path / "run", base, data, "training.stages.grpo:PolicyTrainer.training_step", 10)
    assert_equal(policies.train(recipe, tmp_path / "run", base, data), uninterrupted["lora"])
