"""Killed wherever it may be and started again, a reinforcement learning stage makes the same weights, bit for bit."""

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
    "plateau": {"window": 9, "gain": 1.0, "patience": 3},  # ends it at the mining of step 6
}
LORA = {"r": 4, "alpha": 8, "dropout": 0.05}
POOL_CALLS = 2
"""Batches of the pool in one mining: 12 items, as many at once as a step has completions for."""
KILLS = {
    "in the first step, before any checkpoint": ("training.stages.grpo:PolicyTrainer.training_step", 2, False),
    "between the passes of step 5": ("training.stages.grpo:PolicyTrainer.training_step", 10, False),
    "during the mining at step 4": ("training.curriculum.pool_sampling:_right", 3 * POOL_CALLS, False),
    "when the mining at step 4 is on disk": ("training.curriculum.mining:History.add", 3, True),
    "while the last checkpoint is written": ("transformers:Trainer._save_rng_state", 2, False),
    "when all is trained and no model is there": ("training.stages.fit:_save", 1, False),
}


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """A policy, a folder of data, and for each kind of training what it makes when nothing disturbs it."""
    folder = tmp_path_factory.mktemp("world")
    base, data = policies.make_policy(folder / "base"), folder / "data"
    policies.make_items(data / "items")
    whole = {
        name: policies.train(policies.recipe(base, STAGE, lora=lora), folder / name, base, data)
        for name, lora in (("full", None), ("lora", LORA))
    }
    return base, data, whole


def same(folder, whole):
    assert policies.weights_of(folder) == policies.weights_of(whole)
    for name in ("completions.jsonl", "mining.jsonl"):
        assert (folder.path / name).read_bytes() == (whole.path / name).read_bytes()
    timeless = [[{**line, "time": 0, "step_time": 0} for line in each.read_metrics()] for each in (folder, whole)]
    assert timeless[0] == timeless[1]
    notes = [json.loads((each.path / "stage.json").read_text()) for each in (folder, whole)]
    assert notes[0]["ended"] == notes[1]["ended"] and notes[0]["steps"] == notes[1]["steps"] == 6


@pytest.mark.parametrize("place", KILLS)
def test_killed_and_started_again(world, tmp_path, place):
    base, data, whole = world
    where, call, after = KILLS[place]
    recipe = policies.recipe(base, STAGE)
    policies.die(recipe, tmp_path / "run", base, data, where, call, after)
    assert not (tmp_path / "run" / "model").exists()
    same(policies.train(recipe, tmp_path / "run", base, data), whole["full"])


def test_killed_with_an_adapter(world, tmp_path):
    base, data, whole = world
    recipe = policies.recipe(base, STAGE, lora=LORA)
    policies.die(recipe, tmp_path / "run", base, data, "training.stages.grpo:PolicyTrainer.training_step", 10)
    same(policies.train(recipe, tmp_path / "run", base, data), whole["lora"])
