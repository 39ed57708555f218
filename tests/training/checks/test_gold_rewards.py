"""Rows whose gold label the reward can't separate from the others are refused with their number."""

from hypothesis import given
from hypothesis import strategies as st

from evalsuite.tasks.answer_format import FORMATS
from training.checks.checked_rows import CheckedRow
from training.checks.gold_rewards import GoldRewardCheck

LETTERS = tuple("ABCDEFGHIJ")


def row(gold="A", labels=("A", "B", "C"), format="answer_tag", item="one", file="train.jsonl"):
    return CheckedRow(item, ({"role": "user", "content": "Which?"},), gold, labels, format, file=file)


def check(*rows):
    golds = GoldRewardCheck()
    for each in rows:
        golds.add(each)
    return golds.result()


@given(st.sampled_from(FORMATS), st.integers(2, 10), st.data())
def test_every_label_in_every_format_can_be_rewarded(format, count, data):
    gold = data.draw(st.sampled_from(LETTERS[:count]))
    result = check(row(gold, LETTERS[:count], format))
    assert (result.refusals, result.facts["not_rewardable"]) == ((), [])


def test_a_gold_that_is_not_among_the_labels_is_refused():
    result = check(row("A"), row("D", item="odd", file="dev.jsonl"), row("B"))
    (refusal,) = result.refusals
    assert refusal.startswith("1 of 3 ") and "odd of dev.jsonl" in refusal and "'D'" in refusal
    assert result.facts["not_rewardable"] == ["odd of dev.jsonl"]


def test_a_gold_that_the_parser_cannot_parse_is_refused():
    result = check(row(" ", (" ", "B")))
    assert len(result.refusals) == 1 and result.facts["not_rewardable"] == ["one of train.jsonl"]


def test_an_unknown_format_is_refused():
    assert "'tag'" in check(row(format="tag")).refusals[0]


def test_a_repeated_label_is_refused():
    (refusal,) = check(row("A", ("A", "B", "A"))).refusals
    assert "A, B, A" in refusal


def test_no_rows_are_refused():
    result = check()
    assert len(result.refusals) == 1 and result.facts["rows"] == 0
