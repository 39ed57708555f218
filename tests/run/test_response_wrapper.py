"""A family's wrapper around a whole response is removed before the strict parse, and the run says so."""

import pytest

from evalsuite.grading.grade import Grade, GradedParse
from evalsuite.parser import response_wrapper, wrapped_in_answer_tags
from evalsuite.run.response_notes import ResponseNotes
from evalsuite.run_folder import ResponseRecord


@pytest.mark.parametrize(
    ("text", "format", "wrapper"),
    [
        ("<think>A</think>\n<response>\nIt is metformin.\nANSWER: B\n</response>", "answer_line", "<response>"),
        ("<answer>\nIt is metformin.\nANSWER: B\n</answer>", "answer_line", "<answer>"),
        ("<answer>B</answer>", "answer_tag", None),
        ("<response>B</response> or so", "answer_line", None),
        ("<think>B", "answer_line", None),
        ("ANSWER: B", "answer_line", None),
    ],
)
def test_response_wrapper(text: str, format: str, wrapper: str | None) -> None:
    assert response_wrapper(text, format) == wrapper


@pytest.mark.parametrize(
    ("model", "collides"),
    [("vllm/tencent/Hunyuan-A13B-Instruct", True), ("openai/hunyuan-7b", True), ("hf/Qwen/Qwen3-8B", False)],
)
def test_families_whose_wrapper_is_the_answer_tag(model: str, collides: bool) -> None:
    assert wrapped_in_answer_tags(model) is collides


def record(text: str) -> ResponseRecord:
    return ResponseRecord("1", 0, text, "", "stop", False, None, None, None, "")


@pytest.mark.parametrize(
    ("text", "format", "status", "lines"),
    [
        ("<response>ANSWER: B</response>", "answer_line", "ok", 1),
        ("<answer>It is B.\nANSWER: B</answer>", "answer_line", "ok", 1),
        ("<answer>It is B.</answer>", "answer_tag", "not_a_label", 1),
        ("<answer>B</answer>", "answer_tag", "ok", 0),
        ("It is <answer>metformin</answer>", "answer_tag", "not_a_label", 0),
        ("ANSWER: B", "answer_line", "ok", 0),
    ],
)
def test_a_summary_says_that_wrappers_were_removed(text: str, format: str, status: str, lines: int) -> None:
    notes = ResponseNotes(format)
    read = GradedParse(None, status, False, None)
    notes.add(record(text), Grade("1", 0, "B", read, read, None))
    assert len(list(notes.lines())) == lines
