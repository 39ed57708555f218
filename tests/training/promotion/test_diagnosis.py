"""The cause that is named, on metrics that real runs left (tests/integration/training/test_sabotage.py makes such)."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from evalsuite.analysis.run_result import read_result
from evalsuite.gate import GatePolicy
from training import step_log
from training.promotion.diagnosis import cause_of, no_valid_answer
from training.promotion.verdict import judge
from training.recipe import read_recipe
from training.run_folder import StageFolder

RECORDED = Path(__file__).parent / "recorded"
ITEMS = 200


@pytest.fixture
def asked(tmp_path, made, answers):
    """A refused stage: asked(kind, metrics, candidate, baseline, ...) gives the cause that is named.

    `candidate`, `baseline`: shares of right answers; `status`: of the candidate's wrong ones.
    """

    def ask(kind, metrics, candidate, baseline, status="ok", completions=(), control=False):
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
            for name, right, wrong in (("new", shares(candidate), status), ("old", shares(baseline), "ok"))
        ]
        decision = judge(*results, stage)
        assert decision.exit_code != 0
        return cause_of(stage, folder, decision, control)

    return ask


def shares(right: float) -> np.ndarray:
    return np.arange(ITEMS) < right * ITEMS


def paid(*rewards: float, text: str = "<answer>A</answer>") -> list[dict[str, object]]:
    row = {"labels": ["A", "B"], "gold": "B", "format": "answer_tag", "opens_reasoning": False, "completion": text}
    return [{"step": 1, "group": 0, "reward": reward, **row} for reward in rewards]


def steps(**figures: float) -> list[dict[str, float]]:
    return [{"step": step, **figures} for step in range(1, 21)]


@pytest.mark.parametrize(("valid", "said"), [(0, "none of its 200 answers is valid"), (1, None)])
def test_a_model_without_a_valid_answer_is_told_from_one_with_wrong_ones(made, answers, valid, said):
    status = np.where(np.arange(ITEMS) < valid, "ok", "no_answer")
    found = no_valid_answer(read_result(made("new", {"medqa": answers(shares(0.0), status=status)})))
    assert found is None if said is None else said in found


def test_a_loss_that_rose_on_its_way_is_the_learning_rate(asked):
    logged = [json.loads(line)["loss"] for line in (RECORDED / "rate.jsonl").read_text().splitlines()]
    assert logged[-1] < logged[0] < max(logged), "the loss ends below its start, which must not deceive"
    assert "the loss rose from" in asked("sft", "rate", 0.0, 0.0, status="empty")


def test_a_loss_that_stood_still_is_too_little_training(asked):
    said = asked("sft", "small", 0.3, 0.3)
    assert "20 steps with a learning rate of 2e-05 changed next to nothing" in said


@pytest.mark.parametrize(("after", "what"), [(0.2, "fell from 40.0% to 20.0%"), (0.1, "fell from 40.0% to 10.0%")])
def test_learnt_and_worse_is_the_data(asked, after, what):
    said = asked("sft", "wrong", after, 0.4)
    assert what in said and "are its answers right?" in said


def test_learnt_and_no_better_than_a_guess_is_the_data(asked):
    said = asked("sft", "wrong", 0.2, 0.18)
    assert "is 20.0%, no better than a guess (25.0%)" in said and "too little" not in said


def test_half_learnt_and_no_better_than_a_guess_may_be_the_learning_rate(asked):
    """Every 20th step of the tiny recipe's base stage at 67 times its rate; at its own the loss ends near 0.4."""
    said = asked("sft", "rough", 0.2, 0.18)
    assert "the loss fell from 5.31 to 1.59" in said and "are its answers right?" in said
    assert "or a learning rate of 2e-05 learns too little of it: try a lower one, or more steps" in said


def test_learnt_but_no_gain_shown_says_what_the_gate_missed(asked):
    said = asked("sft", "wrong", 0.42, 0.4)
    assert "gain on medqa: a gain of more than 5.0 points is" in said and "data" not in said


def test_cut_answers_are_named(asked):
    said = asked("sft", "wrong", 0.4, 0.5, status="truncated")
    assert "60% of the responses to medqa were cut by the token limit of 4096 (0% before)" in said


def test_invalid_answers_are_named_by_their_status(asked):
    said = asked("sft", "wrong", 0.4, 0.5, status="several_answers")
    assert "60% of the answers to medqa are invalid (0% before), most of them several_answers" in said


def test_no_reward_at_all_is_told_by_how_completions_were_read(asked):
    said = asked(
        "grpo", steps(groups_all_0=1.0, groups_all_1=0.0), 0.3, 0.3, completions=paid(0, 0, 0, text="B, I think.")
    )
    assert "none of 3 completions was paid (3 were read as no_answer)" in said


def test_no_reward_for_valid_answers_blames_the_gold(asked):
    said = asked("grpo", steps(groups_all_0=1.0, groups_all_1=0.0), 0.3, 0.3, completions=paid(0, 0))
    assert "none of 2 completions was paid (2 named another label than the gold)" in said


def test_rewards_without_spread_are_counted(asked):
    said = asked("grpo", steps(groups_all_0=0.25, groups_all_1=0.72), 0.3, 0.3, completions=paid(0, 1))
    assert "in 97% of the groups all rewards were equal (25% all wrong, 72% all right)" in said


def test_a_policy_that_answers_as_before_has_not_moved(asked):
    said = asked("grpo", steps(loss=0.0, groups_all_0=0.2, groups_all_1=0.1), 0.3, 0.3, completions=paid(0, 1))
    assert "changed next to nothing (not one item more or less is right)" in said


def test_a_control_is_no_puzzle(asked):
    figures = steps(loss=0.0, groups_all_0=0.2, groups_all_1=0.1)
    assert "the reward was a coin" in asked("grpo", figures, 0.2, 0.3, completions=paid(0, 1), control=True)


def test_a_stage_that_logged_nothing_has_a_sentence_too(asked):
    assert asked("sft", [], 0.2, 0.3).endswith(".")
