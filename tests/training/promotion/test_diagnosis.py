"""The cause of a refusal, found in metrics that real runs left (integration/training/test_sabotage.py makes others)."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from evalsuite.analysis.run_result import read_result
from evalsuite.gate import GatePolicy
from training import step_log
from training.promotion.diagnosis import Cause, diagnose, without_valid_answer
from training.promotion.verdict import judge
from training.recipe import read_recipe
from training.run_folder import StageFolder

RECORDED = Path(__file__).parent / "recorded"
ITEMS = 200


@pytest.fixture
def cause_of(tmp_path, made, answers):
    """A refused stage: cause_of(kind, metrics, candidate, baseline, ...) returns its cause and the reason.

    `candidate` and `baseline` are shares of right answers; `status` is that of the candidate's wrong answers,
    `before` that of the baseline's.
    """

    def refuse(kind, metrics, candidate, baseline, status="ok", before="ok", completions=(), control=False):
        recipe = read_recipe("reasonmed-8b")
        stage = recipe.stages[1 if kind == "sft" else 2].model_copy(update={"gate": GatePolicy(gains={"medqa": 0.05})})
        folder = StageFolder(tmp_path / "1-stage")
        folder.path.mkdir()
        if isinstance(metrics, str):
            shutil.copy(RECORDED / f"{metrics}.jsonl", folder.metrics)
        else:
            step_log.append(folder.metrics, metrics)
        step_log.append(folder.completions, completions)
        results = [
            read_result(made(name, {"medqa": answers(right, status=np.where(right, "ok", wrong))}))
            for name, right, wrong in (("new", correct(candidate), status), ("old", correct(baseline), before))
        ]
        decision = judge(*results, stage)
        assert decision.exit_code != 0
        diagnosis = diagnose(stage, folder, decision, control)
        assert diagnosis.reason.startswith(decision.headline) and diagnosis.reason.endswith(".")
        return diagnosis

    return refuse


def correct(share: float) -> np.ndarray:
    return np.arange(ITEMS) < share * ITEMS


def rewarded(*rewards: float, text: str = "<answer>A</answer>") -> list[dict[str, object]]:
    row = {"labels": ["A", "B"], "gold": "B", "format": "answer_tag", "opens_reasoning": False, "completion": text}
    return [{"step": 1, "group": 0, "reward": reward, **row} for reward in rewards]


def steps(**numbers: float) -> list[dict[str, float]]:
    return [{"step": step, **numbers} for step in range(1, 21)]


@pytest.mark.parametrize("valid", [0, 1])
def test_a_model_without_a_valid_answer_is_distinguished_from_one_with_wrong_answers(made, answers, valid):
    status = np.where(np.arange(ITEMS) < valid, "ok", "no_answer")
    diagnosis = without_valid_answer(read_result(made("new", {"medqa": answers(correct(0.0), status=status)})))
    if valid:
        assert diagnosis is None
    else:
        assert diagnosis.cause is Cause.NO_VALID_ANSWER and "200" in diagnosis.reason


def test_a_loss_that_rose_on_its_way_is_the_learning_rate(cause_of):
    logged = [json.loads(line)["loss"] for line in (RECORDED / "rate.jsonl").read_text().splitlines()]
    assert logged[-1] < logged[0] < max(logged), "the loss ends below its start, which must not deceive"
    cause, reason = cause_of("sft", "rate", 0.0, 0.0, status="empty")
    assert cause is Cause.DIVERGED and "2e-05" in reason


def test_a_loss_that_did_not_move_is_too_little_training(cause_of):
    cause, reason = cause_of("sft", "small", 0.3, 0.3)
    assert cause is Cause.NOTHING_LEARNT and "20 steps" in reason and "2e-05" in reason


@pytest.mark.parametrize("after", [0.2, 0.1])
def test_a_lower_loss_with_a_lower_accuracy_is_the_data(cause_of, after):
    cause, reason = cause_of("sft", "wrong", after, 0.4)
    assert cause is Cause.DATA_TEACHES_OTHERWISE and f"from 40.0% to {after:.1%}" in reason


def test_a_lower_loss_with_an_accuracy_at_chance_is_the_data(cause_of):
    cause, reason = cause_of("sft", "wrong", 0.2, 0.18)
    assert cause is Cause.DATA_TEACHES_OTHERWISE and "20.0%" in reason and "chance (25.0%)" in reason
    assert "2e-05" not in reason, "the loss fell all the way, so the learning rate is not to blame"


def test_a_half_learnt_task_at_chance_may_be_the_learning_rate(cause_of):
    """Every 20th step of the tiny recipe's base stage at 67 times its rate; at its own the loss ends near 0.4."""
    cause, reason = cause_of("sft", "rough", 0.2, 0.18)
    assert cause is Cause.DATA_TEACHES_OTHERWISE and "from 5.31 to 1.59" in reason and "2e-05" in reason


def test_a_gain_that_is_not_shown_has_no_cause_but_the_gates_rule(cause_of):
    cause, reason = cause_of("sft", "wrong", 0.42, 0.4)
    assert cause is Cause.NOT_FOUND and "gain on medqa" in reason and "5.0 points" in reason


def test_truncated_answers_are_counted(cause_of):
    cause, reason = cause_of("sft", "wrong", 0.4, 0.5, status="truncated")
    assert cause is Cause.TRUNCATED_ANSWERS
    assert "60% of the responses to medqa" in reason and "4096" in reason and "(0% before)" in reason


def test_invalid_answers_are_counted_with_their_status(cause_of):
    cause, reason = cause_of("sft", "wrong", 0.4, 0.5, status="several_answers")
    assert cause is Cause.INVALID_ANSWERS
    assert "60% of the answers to medqa" in reason and "(0% before)" in reason and "several_answers" in reason


def test_mostly_invalid_answers_are_the_cause_though_they_were_before(cause_of):
    cause, reason = cause_of("sft", "wrong", 0.4, 0.42, status="several_answers", before="several_answers")
    assert cause is Cause.INVALID_ANSWERS and "60% of the answers to medqa" in reason and "(58% before)" in reason


@pytest.mark.parametrize(("text", "problem"), [("B, I think.", "no_answer"), ("<answer>A</answer>", "wrong label")])
def test_completions_that_were_never_rewarded_are_counted_with_their_status(cause_of, text, problem):
    zero = steps(groups_all_0=1.0, groups_all_1=0.0)
    cause, reason = cause_of("grpo", zero, 0.3, 0.3, completions=rewarded(0, 0, 0, text=text))
    assert cause is Cause.NEVER_REWARDED and "none of 3 completions" in reason and problem in reason


def test_rewards_that_hardly_vary_are_the_cause(cause_of):
    logged = steps(groups_all_0=0.25, groups_all_1=0.72)
    cause, reason = cause_of("grpo", logged, 0.3, 0.3, completions=rewarded(0, 1))
    assert cause is Cause.NO_REWARD_VARIANCE and "97%" in reason and "25%" in reason and "72%" in reason


def test_a_policy_that_answers_as_before_has_learnt_nothing(cause_of):
    logged = steps(loss=0.0, groups_all_0=0.2, groups_all_1=0.1)
    assert cause_of("grpo", logged, 0.3, 0.3, completions=rewarded(0, 1)).cause is Cause.NOTHING_LEARNT


def test_a_control_without_another_cause_is_explained_by_its_random_rewards(cause_of):
    logged = steps(loss=0.0, groups_all_0=0.2, groups_all_1=0.1)
    cause, _ = cause_of("grpo", logged, 0.2, 0.3, completions=rewarded(0, 1), control=True)
    assert cause is Cause.RANDOM_REWARD


def test_a_stage_that_logged_nothing_is_diagnosed_too(cause_of):
    assert cause_of("sft", [], 0.2, 0.3).cause is Cause.NOT_FOUND
