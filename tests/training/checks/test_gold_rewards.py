"""Rows whose gold the reward can't tell are refused with their number."""

from hypothesis import given
from hypothesis import strategies as st

from evalsuite.tasks.answer_format import FORMATS
from training.checks.checked_rows import CheckedRow
from training.checks.gold_rewards import GoldRewardCheck

LETTERS = tuple("ABCDEFGHIJ")


def row(gold="A", labels=("A", "B", "C"), format="answer_tag", item="one", file="train.jsonl"):
    return CheckedRow(item, ({"role": "user", "content": "Which?"},), gold, labels, format, file=file)


def found(check, *rows):
    for each in rows:
        check.take(each)
    return check.finding()


@given(st.sampled_from(FORMATS), st.integers(2, 10), st.data())
def test_every_label_of_every_format_is_told(format, many, data):
    gold = data.draw(st.sampled_from(LETTERS[:many]))
    finding = found(GoldRewardCheck(), row(gold, LETTERS[:many], format))
    assert (finding.refusals, finding.facts["unpayable"]) == ((), [])


def test_a_gold_among_no_labels_is_refused():
    finding = found(GoldRewardCheck(), row("A"), row("D", item="odd", file="dev.jsonl"), row("B"))
    (refusal,) = finding.refusals
    assert "1 of 3 golds can't be paid" in refusal
    assert "item odd of dev.jsonl: gold 'D' is not among its labels A, B, C" in refusal
    assert finding.facts["unpayable"] == ["odd of dev.jsonl"]


def test_a_gold_that_the_parser_cannot_read_is_refused():
    (refusal,) = found(GoldRewardCheck(), row(" ", (" ", "B"))).refusals
    assert "1 of 1 golds can't be paid" in refusal


def test_an_unknown_format_is_refused():
    assert "answer format 'tag' is unknown" in found(GoldRewardCheck(), row(format="tag")).refusals[0]


def test_one_label_twice_is_refused():
    (refusal,) = found(GoldRewardCheck(), row("A", ("A", "B", "A"))).refusals
    assert "a label stands twice" in refusal


def test_no_rows_are_refused():
    assert "no row" in found(GoldRewardCheck()).refusals[0]
