"""Samples without a gradient in them are refused by their first cause, with numbers."""

import pytest

from evalsuite.models.backend import Request, Response
from evalsuite.tasks.item import Item
from training.checks.checked_rows import CheckedRow
from training.checks.reward_variance import reward_variance
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


def said(*texts, finish="stop"):
    """The same four responses to each item."""
    return [response(row, text, finish) for row in ROWS for text in texts]


def test_mixed_groups_pass_with_every_number():
    mixed = said(RIGHT, WRONG, WRONG, RIGHT)[:40] + said(RIGHT, RIGHT, RIGHT, RIGHT)[40:60] + said(*[WRONG] * 4)[60:]
    finding = reward_variance(STAGE, ROWS, mixed)
    facts = finding.facts
    assert finding.refusals == ()
    assert [facts[name]["value"] for name in ("reward", "live", "dead_one", "dead_zero")] == [0.5, 0.5, 0.25, 0.25]
    assert facts["live_groups_a_step"] == 5.0
    assert facts["live"]["low"] < 0.5 < facts["live"]["high"]
    assert facts["statuses"] == {"ok": 80}


@pytest.mark.parametrize(
    "text, all_of", [(RIGHT, "all 0 in 0% and all 1 in 100%"), (WRONG, "all 0 in 100% and all 1 in 0%")]
)
def test_a_reward_without_spread_is_refused(text, all_of):
    (refusal,) = reward_variance(STAGE, ROWS, said(*[text] * 4)).refusals
    assert "only 0 of 20 groups of 4 have rewards that differ" in refusal
    assert all_of in refusal


def test_clipped_completions_are_named_first():
    finding = reward_variance(STAGE, ROWS, said("let me think", RIGHT, WRONG, "and so on", finish="length"))
    assert "80 of 80 completions (100%" in finding.refusals[0]
    assert "rollout.max_tokens 16; raise it" in finding.refusals[0]
    assert finding.facts["clipped"]["value"] == 1.0


def test_the_commonest_invalid_status_is_named():
    finding = reward_variance(STAGE, ROWS, said("I would say A", "It is B", f"{RIGHT} {WRONG}", RIGHT))
    (refusal,) = finding.refusals
    assert "60 of 80 completions give no valid answer, 40 of them no_answer" in refusal


def test_reasoning_that_the_template_opened_and_nobody_closed_is_not_paid():
    opened = [response(row, RIGHT, opens_reasoning=True) for row in ROWS for _ in range(4)]
    finding = reward_variance(STAGE, ROWS, opened)
    assert finding.facts["statuses"] == {"reasoning_unclosed": 80}
    assert "80 of them reasoning_unclosed" in finding.refusals[0]


def test_a_model_that_cannot_be_asked_is_refused():
    lost = [response(row, "", error="the prompt's 2000 tokens don't fit") for row in ROWS for _ in range(4)]
    assert reward_variance(STAGE, ROWS, lost).refusals == (
        "the start model can't be sampled: the prompt's 2000 tokens don't fit",
    )
