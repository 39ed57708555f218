"""Traces that end in another answer are refused, parsed inside the reasoning that a template opens."""

import pytest

from evalsuite.tasks.answer_format import write
from training.checks.checked_rows import CheckedRow
from training.checks.rendering import Rendering
from training.checks.trace_answers import TraceAnswerCheck

RIGHT = write("answer_tag", "A")


def check_traces(*traces, opens=False):
    """Check traces that should end in A, each given as an item's id and the trace."""
    check = TraceAnswerCheck()
    for item, trace in traces:
        row = CheckedRow(item, ({"role": "user", "content": "Which?"},), "A", ("A", "B", "C"), "answer_tag", trace)
        check.add(row, Rendering("", [], [], opens))
    return check.result()


@pytest.mark.parametrize("trace", [RIGHT, f"<think>\nhm\n</think>\n\nSo {RIGHT}", f"hm</think>{RIGHT}"])
def test_traces_that_end_in_their_gold_label_pass(trace):
    assert check_traces(("one", trace)).refusals == ()


def test_traces_that_end_otherwise_are_counted():
    wrong = [("wrong", write("answer_tag", "B")), ("bare", "It is A."), ("open", "<think>never closed")]
    result = check_traces(("right", RIGHT), *wrong)
    assert result.facts["wrong"] == [f"{item} of train.jsonl" for item, _ in wrong]
    (refusal,) = result.refusals
    assert refusal.startswith("3 of 4 traces (75.0%)")
    assert "wrong of train.jsonl (gold A)" in refusal and "'<answer>B</answer>'" in refusal


def test_an_answer_inside_reasoning_that_the_template_opened_does_not_count():
    assert check_traces(("one", RIGHT), opens=True).facts["wrong"] == ["one of train.jsonl"]
    assert check_traces(("one", f"hm</think>{RIGHT}"), ("two", f"<think>hm</think>{RIGHT}"), opens=True).refusals == ()
