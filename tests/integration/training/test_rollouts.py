"""The rewards of a real training with TRL equal the benchmark's grades, completion by completion."""

import json
import pickle
from collections import defaultdict

import policies
import pyarrow.parquet as pq
import pytest

from evalsuite.cli import main
from evalsuite.reward import StrictReward, dataset
from evalsuite.tasks.answer_format import write
from training.stages.rollout_reward import RolloutReward, random_reward

pytest.importorskip("trl")

pytestmark = pytest.mark.integration
TASK, ITEMS, GENERATIONS = "starter_vignette", 20, 6


def evalsuite(*words):
    assert main([str(word) for word in words]) == 0


@pytest.fixture(scope="module")
def completions(tmp_path_factory):
    """The journal of a training on all items, each of them drawn once."""
    folder = tmp_path_factory.mktemp("completions")
    with pytest.warns(UserWarning, match="TEST items"):
        rows = [{**row, "tier": "easy"} for row in dataset(TASK, split="test")]
    assert len(rows) == ITEMS
    policies.save_items(folder / "data" / "items", rows)
    texts = [write("answer_tag", label) for label in "ABCD"] + ["A", "so <answer>B</answer>.", "<think>\nA"]
    base = policies.make_policy(folder / "base", [rows[0]["prompt"]], texts, steps=30)
    stage = {"prompts": 4, "rollout": {"generations": GENERATIONS, "max_tokens": 12}, "steps": ITEMS // 4}
    run = policies.train(policies.recipe(base, stage), folder / "run", base, folder / "data")
    return policies.journal(run, "completions.jsonl")


def test_grades_equal_rewards(tmp_path, completions):
    """By `evalsuite run` over the recorded completions, and again by `evalsuite regrade`."""
    assert len(completions) == ITEMS * GENERATIONS
    assert {row["reward"] for row in completions} == {0.0, 1.0}
    recorded = tmp_path / "completions.jsonl"
    named = {"benchmark": TASK, "model": "policy", "setting": "rollouts"}
    lines = [{**named, "item_id": row["item"], "text": row["completion"]} for row in completions]
    recorded.write_text("".join(json.dumps(line) + "\n" for line in lines))
    run = tmp_path / "run"
    evalsuite("run", "--model", f"replay/{recorded}", "--tasks", TASK, "--samples", GENERATIONS, "--out", run)
    rewards = defaultdict(list)
    for row in completions:
        rewards[row["item"]].append(row["reward"])
    for _ in range(2):
        grades = pq.read_table(run / "grades.parquet").to_pylist()
        assert len(grades) == len(completions)
        for grade in grades:
            assert float(grade["correct"]) == rewards[grade["item"]][grade["sample"]]
        evalsuite("regrade", run)


def test_rewards_do_not_depend_on_the_batch_and_survive_a_pickle(tmp_path, completions):
    class State:
        global_step = 6

    logged = {}
    rollouts = pickle.loads(pickle.dumps(RolloutReward(tmp_path / "a.jsonl", GENERATIONS)))
    columns = {name: [row[name] for row in completions] for name in ("item", "task", "gold", "labels", "format")}
    columns["opens_reasoning"] = [row["opens_reasoning"] for row in completions]
    messages = [[{"role": "assistant", "content": row["completion"]}] for row in completions]
    ids = [[1] * row["tokens"] for row in completions]
    rewards = rollouts(messages, ids, trainer_state=State, log_metric=logged.__setitem__, **columns)
    assert rewards == [row["reward"] for row in completions]
    alone = [
        StrictReward().score(row["completion"], row["gold"], row["labels"], format=row["format"]) for row in completions
    ]
    assert rewards == alone
    assert [json.loads(line) for line in (tmp_path / "a.jsonl").read_text().splitlines()] == [
        {**row, "step": 7, "group": place // GENERATIONS} for place, row in enumerate(completions)
    ]
    assert logged["unique_items"] == ITEMS


def test_the_random_reward_is_balanced_and_depends_on_seed_step_and_index_alone():
    rewards = [random_reward(seed, step, index) for seed in range(4) for step in range(50) for index in range(50)]
    assert set(rewards) == {0.0, 1.0}
    assert sum(rewards) / len(rewards) == pytest.approx(0.5, abs=0.02)  # 4 standard errors
    assert rewards == [
        random_reward(seed, step, index) for seed in range(4) for step in range(50) for index in range(50)
    ]
    rows = [rewards[start : start + 50] for start in range(0, len(rewards), 50)]
    assert len({tuple(row) for row in rows}) == len(rows)
