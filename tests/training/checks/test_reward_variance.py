"""Samples whose rewards give no gradient are refused with numbers, the first cause first."""

import pytest

from evalsuite.models.backend import Request, Response
from evalsuite.tasks.item import Item
from training.checks.checked_rows import CheckedRow
from training.checks.reward_variance import check_reward_variance
from training.recipe import Grpo

STAGE = Grpo.model_validate(
    {
        "name": "rl",
        "kind": "grpo",
        "data": {"folder": "items"},
        "optimiser": {"learning_rate": 1e-6, "schedule": "constant"},
        "evaluation": {"tasks": ["starter_recall"]},
        "gate": {},
        "prompts": 10,
        "rollout": {"generations": 4, "max_tokens": 16},
        "steps": 5,
    }
)
ROWS = [CheckedRow(f"i{n}", ({"role": "user", "content": "?"},), "A", ("A", "B"), "answer_tag") for n in range(20)]
RIGHT, WRONG = "<answer>A</answer>", "<answer>B</answer>"


def response(row, text, finish="stop", **more):
    item = Item(row.item, "?", row.labels, row.labels, row.gold)
    return Response(Request("t", item, 0, row.prompt, 0), text=text, finish=finish, output_tokens=len(text), **more)


def repeat(*texts, finish="stop"):
    """Return the same four responses to each item."""
    return [response(row, text, finish) for row in ROWS for text in texts]


def test_mixed_groups_pass_with_every_number():
    mixed, right, wrong = repeat(RIGHT, WRONG, WRONG, RIGHT), repeat(*[RIGHT] * 4), repeat(*[WRONG] * 4)
    result = check_reward_variance(STAGE, ROWS, mixed[:40] + right[40:60] + wrong[60:])
    facts = result.facts
    assert result.refusals == ()
    names = ("reward", "groups_mixed", "groups_all_1", "groups_all_0")
    assert [facts[name]["value"] for name in names] == [0.5, 0.5, 0.25, 0.25]
    assert facts["mixed_groups_per_step"] == 5.0
    assert facts["groups_mixed"]["low"] < 0.5 < facts["groups_mixed"]["high"]
    assert facts["statuses"] == {"ok": 80}


@pytest.mark.parametrize(("text", "all_zero", "all_one"), [(RIGHT, 0, 1), (WRONG, 1, 0)])
def test_rewards_without_variance_are_refused(text, all_zero, all_one):
    result = check_reward_variance(STAGE, ROWS, repeat(*[text] * 4))
    (refusal,) = result.refusals
    assert "0 of 20 groups of 4" in refusal and f"all 0 in {all_zero:.0%} and all 1 in {all_one:.0%}" in refusal
    assert (result.facts["groups_all_0"]["value"], result.facts["groups_all_1"]["value"]) == (all_zero, all_one)


def test_clipped_completions_are_the_first_cause():
    result = check_reward_variance(STAGE, ROWS, repeat("let me think", RIGHT, WRONG, "and so on", finish="length"))
    assert "80 of 80 completions (100%" in result.refusals[0]
    assert "rollout.max_tokens 16" in result.refusals[0]
    assert result.facts["clipped"]["value"] == 1.0


def test_the_most_frequent_invalid_status_is_named():
    result = check_reward_variance(STAGE, ROWS, repeat("I would say A", "It is B", f"{RIGHT} {WRONG}", RIGHT))
    (refusal,) = result.refusals
    assert refusal.startswith("60 of 80 ") and "40 of them no_answer" in refusal


def test_an_answer_in_unclosed_reasoning_that_the_template_opened_has_no_reward():
    responses = [response(row, RIGHT, opens_reasoning=True) for row in ROWS for _ in range(4)]
    result = check_reward_variance(STAGE, ROWS, responses)
    assert result.facts["statuses"] == {"reasoning_unclosed": 80} and result.facts["reward"]["value"] == 0
    assert "80 of them reasoning_unclosed" in result.refusals[0]


def test_a_model_that_cannot_be_sampled_is_refused():
    error = "the prompt's 2000 tokens don't fit"
    responses = [response(row, "", error=error) for row in ROWS for _ in range(4)]
    result = check_reward_variance(STAGE, ROWS, responses)
    assert len(result.refusals) == 1 and error in result.refusals[0] and result.facts == {"error": error}
