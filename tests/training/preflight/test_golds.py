"""Rows whose gold the reward can't tell, and traces that teach another answer, are refused with their number."""

from hypothesis import given
from hypothesis import strategies as st

from evalsuite.formats import FORMATS, write
from training.preflight.golds import Golds, Traces
from training.preflight.source import Row

LETTERS = tuple("ABCDEFGHIJ")


def row(gold="A", labels=("A", "B", "C"), format="answer_tag", said=None, item="one"):
    return Row(item, ({"role": "user", "content": "Which?"},), gold, labels, format, said)


def found(check, *rows):
    for each in rows:
        check.take(each)
    return check.finding()


@given(st.sampled_from(FORMATS), st.integers(2, 10), st.data())
def test_every_label_of_every_format_is_told(format, many, data):
    gold = data.draw(st.sampled_from(LETTERS[:many]))
    finding = found(Golds(), row(gold, LETTERS[:many], format))
    assert (finding.refusals, finding.facts["unpayable"]) == ((), [])


def test_a_gold_among_no_labels_is_refused():
    (refusal,) = found(Golds(), row("D", item="odd"), row("A"), row("B")).refusals
    assert "1 of 3 golds can't be paid" in refusal
    assert "item odd: gold 'D' is not among its labels A, B, C" in refusal


def test_a_gold_that_the_parser_cannot_read_is_refused():
    (refusal,) = found(Golds(), row(" ", (" ", "B"))).refusals
    assert "1 of 1 golds can't be paid" in refusal


def test_an_unknown_format_is_refused():
    assert "answer format 'tag' is unknown" in found(Golds(), row(format="tag")).refusals[0]


def test_one_label_twice_is_refused():
    (refusal,) = found(Golds(), row("A", ("A", "B", "A"))).refusals
    assert "a label stands twice" in refusal


def test_no_rows_are_refused():
    assert "no row" in found(Golds()).refusals[0]


def test_traces_that_end_in_their_gold_pass():
    good = [row(gold, said=f"<think>\nhm\n</think>\n\nSo {write('answer_tag', gold)}") for gold in "ABC"]
    assert found(Traces(), *good).refusals == ()


def test_traces_that_end_otherwise_are_counted():
    wrong = [row("A", said=write("answer_tag", "B"), item="wrong"), row("A", said="It is A.", item="bare")]
    finding = found(
        Traces(), row("A", said=write("answer_tag", "A")), *wrong, row("A", said="<think>never closed", item="open")
    )
    assert finding.facts["wrong"] == ["wrong", "bare", "open"]
    assert "3 of 4 traces (75.0%) don't end in their gold, such as wrong, bare, open" in finding.refusals[0]
