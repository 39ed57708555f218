"""Traces that teach another answer are refused with their number, read inside the reasoning that a template opens."""

import pytest

from evalsuite.tasks.answer_format import write
from training.checks.checked_rows import CheckedRow
from training.checks.rendering import Rendering
from training.checks.trace_answers import TraceAnswerCheck

RIGHT = write("answer_tag", "A")


def found(*traces, opens=False):
    """What the check says of traces that should end in A, each an item's name and what is said."""
    check = TraceAnswerCheck()
    for item, said in traces:
        row = CheckedRow(item, ({"role": "user", "content": "Which?"},), "A", ("A", "B", "C"), "answer_tag", said)
        check.take(row, Rendering("", [], [], opens))
    return check.finding()


@pytest.mark.parametrize("said", [RIGHT, f"<think>\nhm\n</think>\n\nSo {RIGHT}", f"hm</think>{RIGHT}"])
def test_traces_that_end_in_their_gold_pass(said):
    assert found(("one", said)).refusals == ()


def test_traces_that_end_otherwise_are_counted():
    wrong = [("wrong", write("answer_tag", "B")), ("bare", "It is A."), ("open", "<think>never closed")]
    finding = found(("right", RIGHT), *wrong)
    assert finding.facts["wrong"] == [f"{item} of train.jsonl" for item, _ in wrong]
    assert finding.refusals[0].startswith(
        "3 of 4 traces (75.0%) don't end in their gold label by the strict parse, such as item wrong of train.jsonl "
        "(gold A), which ends '<answer>B</answer>'"
    )


def test_what_stands_in_reasoning_that_the_template_opened_is_no_answer():
    assert found(("one", RIGHT), opens=True).facts["wrong"] == ["one of train.jsonl"]
    assert found(("one", f"hm</think>{RIGHT}"), ("two", f"<think>hm</think>{RIGHT}"), opens=True).refusals == ()
