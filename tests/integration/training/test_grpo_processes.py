"""Two processes train one policy: groups that are spread over both are complete, and each line is written once."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import policies
import pytest

from training.curriculum.mining import MiningHistory
from training.curriculum.prompt_sampler import PromptSampler
from training.run_folder import StageFolder

pytest.importorskip("trl")

pytestmark = pytest.mark.integration
STAGE = {"steps": 3, "mining": {"every": 1, "samples": 2}}
SCRIPT = """
import sys
from pathlib import Path
import policies
from training.recipe import Recipe
recipe, out, start, data = sys.argv[1:]
policies.train(Recipe.model_validate_json(recipe), Path(out), Path(start), Path(data))
"""


def test_two_processes(tmp_path):
    base, data = policies.make_policy(tmp_path / "base", steps=30), tmp_path / "data"
    policies.make_items(data / "items", 13)  # an odd number: one item is sampled by both processes
    script = tmp_path / "train.py"
    script.write_text(SCRIPT)
    given = (policies.recipe(base, STAGE).model_dump_json(), tmp_path / "run", base, data)
    done = subprocess.run(
        [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node=2", script, *given],
        env={**os.environ, "PYTHONPATH": str(Path(policies.__file__).parent), "ACCELERATE_USE_CPU": "true"},
        capture_output=True,
        text=True,
        timeout=1800,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    folder = StageFolder(tmp_path / "run")
    assert folder.state == "trained"
    history = MiningHistory(folder.path / "mining.jsonl", [f"item-{row}" for row in range(13)], 4)
    assert [mined.step for mined in history.minings] == [0, 1, 2]
    sampler = PromptSampler(13, 3, 4, 1, 3, 3, history.weights_at)
    rows = policies.journal(folder, "completions.jsonl")
    expected = [
        (draw + 1, place // 4, f"item-{sampler.draw(draw)[place // 4]}") for draw in range(3) for place in range(12)
    ]
    assert [(row["step"], row["group"], row["item"]) for row in rows] == expected
    for line in folder.read_metrics():
        rewards = np.array([row["reward"] for row in rows if row["step"] == line["step"]]).reshape(3, 4)
        assert line["reward"] == pytest.approx(rewards.mean())
        assert line["groups_all_0"] == pytest.approx((rewards.sum(axis=1) == 0).mean())
        assert line["groups_all_1"] == pytest.approx((rewards.sum(axis=1) == 4).mean())
        assert line["groups_all_0"] + line["groups_all_1"] == pytest.approx(line["frac_reward_zero_std"])
    assert next(folder.read_metrics())["kl"] == 0.0
