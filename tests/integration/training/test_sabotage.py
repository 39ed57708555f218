"""What can't end well ends in a refused promotion, with a sentence that names the cause."""

import json

import mini
import pytest

from training.run_folder import StageFolder

pytestmark = pytest.mark.integration


@pytest.fixture
def refused(tmp_path, tasks):
    """Run one stage that must be refused; return its folder and what was said."""

    def run(stage, data):
        recipe = mini.write_recipe(tmp_path / "mini.yaml", [stage, mini.trace_stage() | {"name": "after"}])
        ended = mini.training("run", recipe, "--data", data, "--out", tmp_path / "run", tasks=tasks)
        assert ended.returncode == 1, ended.stderr
        assert f"the last good model is {data / 'base'}" in ended.stderr
        assert not (tmp_path / "run/stages/2-after").exists()
        return StageFolder(tmp_path / "run" / "stages" / f"1-{stage['name']}"), ended.stderr

    return run


def test_traces_with_wrong_answers(refused, tasks, tmp_path):
    wrong = mini.make_data(tmp_path / "wrong", tasks, gold="C")
    folder, said = refused(mini.trace_stage(), wrong)
    assert "the data teaches something else than the benchmark counts (are its answers right?)" in said
    assert "no better than a guess (25.0%)" in said
    verdict = folder.read("gate.json")
    assert not verdict["promoted"] and verdict["said"] in said and verdict["decision"]["exit"] != 0
    assert folder.state == "refused" and folder.checkpoints.exists() and folder.model.is_dir()
    again = mini.training("resume", folder.path.parents[1], tasks=tasks)
    assert again.returncode == 1 and verdict["said"] in again.stderr and "training\n" not in again.stderr
    assert "nothing to export" in mini.training(
        "export", folder.path.parents[1], "--out", tmp_path / "export", tasks=tasks
    ).stderr  # fmt: skip


def test_a_learning_rate_of_a_tenth(refused, data):
    folder, said = refused(mini.trace_stage(rate=1e-1), data)
    assert "with a learning rate of 0.1 the loss rose from" in said and "training diverged" in said
    assert folder.state == "refused"


def test_a_learning_rate_that_moves_nothing(refused, data):
    _, said = refused(mini.trace_stage(rate=1e-7), data)
    assert "20 steps with a learning rate of 1e-07 changed next to nothing" in said


def test_a_loss_that_is_not_finite(refused, data):
    optimiser = {"clip": 1e30}
    folder, said = refused(mini.trace_stage(rate=1e30, optimiser=optimiser), data)
    assert "not finite" in said and "lower optimiser.learning_rate" in said
    assert folder.state == "refused" and folder.read("gate.json")["decision"] is None


def test_a_reward_that_is_always_nothing(refused, tasks, data):
    rollout = {"generations": 4, "max_tokens": 24}
    gate = {"gains": {mini.TASK: 0.05}}
    stage = mini.stage(
        "grpo", "paid", "questions", 1e-4, prompts=4, rollout=rollout, steps=6, beta=0.0, gate=gate
    )  # fmt: skip
    folder, said = refused(stage, data)
    report = json.loads((folder.path / "preflight.json").read_text())
    assert report["checks"]["spread"]["reward"]["value"] == 0
    assert "completions" in said and report["refusals"][0] in said
    folder.note(state="training", settings=stage)  # as if it had passed: what the gate says where nobody looked before
    again = mini.training("resume", folder.path.parents[1], tasks=tasks)
    assert again.returncode == 1, again.stderr
    assert (
        "none of 96 completions was paid" in again.stderr and f"the last good model is {data / 'base'}" in again.stderr
    )
    assert folder.state == "refused" and folder.read("gate.json")["decision"]["exit"] != 0
