"""Stages that can't succeed are refused, and gate.json names the cause."""

import mini
import pytest

from evalsuite.errors import ErrorCode
from training.promotion.diagnosis import Cause
from training.run_folder import StageFolder

pytestmark = pytest.mark.integration


@pytest.fixture
def refused(tmp_path, tasks):
    """Run one stage that must be refused; return its folder and the messages."""

    def run(stage, data):
        recipe = mini.write_recipe(tmp_path / "mini.yaml", [stage, mini.trace_stage() | {"name": "after"}])
        ended = mini.training("run", recipe, "--data", data, "--out", tmp_path / "run", tasks=tasks)
        assert ended.returncode == 1, ended.stderr
        assert str(data / "base") in ended.stderr.splitlines()[-1]
        assert not (tmp_path / "run/stages/2-after").exists()
        return StageFolder(tmp_path / "run" / "stages" / f"1-{stage['name']}"), ended.stderr

    return run


def test_traces_with_wrong_answers(refused, tasks, tmp_path):
    wrong = mini.make_data(tmp_path / "wrong", tasks, gold="C")
    folder, messages = refused(mini.trace_stage(), wrong)
    verdict = folder.read("gate.json")
    assert verdict["cause"] == Cause.DATA_TEACHES_OTHERWISE and "chance (25.0%)" in verdict["reason"]
    assert not verdict["promoted"] and verdict["reason"] in messages and verdict["decision"]["exit"] != 0
    assert folder.state == "refused" and folder.checkpoints.exists() and folder.model.is_dir()
    again = mini.training("resume", folder.path.parents[1], tasks=tasks)
    assert again.returncode == 1 and verdict["reason"] in again.stderr and "training\n" not in again.stderr
    exported = mini.training("export", folder.path.parents[1], "--out", tmp_path / "export", tasks=tasks)
    assert exported.returncode == 2 and exported.stderr.endswith(f"[{ErrorCode.EXPORT_NOT_POSSIBLE}]\n")


def test_a_learning_rate_of_a_tenth(refused, data):
    folder, _ = refused(mini.trace_stage(rate=1e-1), data)
    verdict = folder.read("gate.json")
    assert verdict["cause"] == Cause.DIVERGED and "a learning rate of 0.1 " in verdict["reason"]
    assert folder.state == "refused"


def test_a_learning_rate_that_changes_nothing(refused, data):
    folder, _ = refused(mini.trace_stage(rate=1e-7), data)
    verdict = folder.read("gate.json")
    assert verdict["cause"] == Cause.NOTHING_LEARNT
    assert "20 steps" in verdict["reason"] and "a learning rate of 1e-07 " in verdict["reason"]


def test_a_loss_that_is_not_finite(refused, data):
    optimiser = {"clip": 1e30}
    folder, messages = refused(mini.trace_stage(rate=1e30, optimiser=optimiser), data)
    verdict = folder.read("gate.json")
    assert verdict["cause"] == Cause.STOPPED and verdict["decision"] is None
    assert folder.state == "refused" and "optimiser.learning_rate" in messages


def test_a_reward_that_is_always_0(refused, tasks, data):
    rollout = {"generations": 4, "max_tokens": 24}
    gate = {"gains": {mini.TASK: 0.05}}
    stage = mini.stage(
        "grpo", "rewarded", "questions", 1e-4, prompts=4, rollout=rollout, steps=6, beta=0.0, gate=gate
    )  # fmt: skip
    folder, messages = refused(stage, data)
    report = folder.read("preflight.json")
    assert report["checks"]["reward_variance"]["reward"]["value"] == 0
    assert report["refusals"][0] in messages
    folder.note(state="training", settings=stage)  # as if preflight had passed: the gate must refuse it too
    again = mini.training("resume", folder.path.parents[1], tasks=tasks)
    assert again.returncode == 1, again.stderr
    verdict = folder.read("gate.json")
    assert verdict["cause"] == Cause.NEVER_REWARDED and "none of 96 completions" in verdict["reason"]
    assert folder.state == "refused" and verdict["decision"]["exit"] != 0
