"""Completions in the marks of every family, read back by the parser, and responses divided into their parts."""

import pytest

from evalsuite.errors import ErrorCode, UsageError
from evalsuite.parser import DIALECTS, final_segment
from evalsuite.run_folder import ResponseRecord
from evalsuite.tasks.answer_format import FORMATS, write
from training.traces.reply import read_reply
from training.traces.student import STUDENTS, student_of

LABELS = ("A", "B", "C")
REASONING = "The rash fits A.\nThe fever speaks against A and for B."


def record(text, reasoning="", finish="stop", opens=False):
    return ResponseRecord("item", 0, text, reasoning, finish, opens, 1, 1, 1.0, "")


PAIRS = [(name, format) for name in STUDENTS for format in FORMATS if (name, format) != ("hunyuan", "answer_tag")]


def test_students_are_the_dialects_of_the_parser():
    assert {each.name for each in DIALECTS} == set(STUDENTS) - {"none"}


@pytest.mark.parametrize(("name", "format"), PAIRS)
def test_a_completion_is_read_back_whole(name, format):
    student = student_of(name, format)
    final = write(format, "B")
    text = student.text(REASONING, final)
    assert student.fault(text, final, LABELS, "B", format) is None
    assert student.fault(text, final, LABELS, "A", format) is not None
    reply = read_reply(record(text), LABELS, format)
    assert (reply.status, reply.label, reply.reasoning, reply.final) == ("ok", "B", REASONING, final)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("think", "<think>\nR.\n</think>\n\n<answer>B</answer>"),
        (
            "harmony",
            "<|channel|>analysis<|message|>R.<|end|><|start|>assistant<|channel|>final<|message|><answer>B</answer>",
        ),
        ("gemma4", "<|channel>thought\nR.\n<channel|><answer>B</answer>"),
        ("medgemma", "<unused94>thought\nR.\n<unused95>\n\n<answer>B</answer>"),
        ("none", "R.\n\n<answer>B</answer>"),
    ],
)
def test_the_marks_are_those_that_the_families_write(name, text):
    assert student_of(name, "answer_tag").text(" R. ", "<answer>B</answer>\n") == text


def test_a_conversation_has_the_fields_that_the_template_takes():
    final = "<answer>B</answer>"
    harmony = student_of("harmony", "answer_tag").message("R.", final)
    assert harmony == {"role": "assistant", "thinking": "R.", "content": final}
    think = student_of("think", "answer_tag").message("R.", final)
    assert think == {"role": "assistant", "content": f"<think>\nR.\n</think>\n\n{final}"}


def test_a_prompt_that_opens_the_reasoning_has_completions_without_the_opening():
    student = student_of("think", "answer_tag", opens_reasoning=True)
    text = student.text("R.", "<answer>B</answer>")
    assert text == "R.\n</think>\n\n<answer>B</answer>"
    assert student.fault(text, "<answer>B</answer>", LABELS, "B", "answer_tag") is None


@pytest.mark.parametrize("reasoning", ["It is so <think> and more", "a </think> <answer>C</answer> <think>"])
def test_marks_inside_the_reasoning_are_seen(reasoning):
    student, final = student_of("harmony", "answer_tag"), "<answer>B</answer>"
    text = student.text(reasoning, f"{final} <think>")
    assert student.fault(text, f"{final} <think>", LABELS, "B", "answer_tag") is not None
    assert final_segment(student.text(reasoning, final)) is not None


@pytest.mark.parametrize(
    ("name", "format", "opens", "code"),
    [
        ("hunyuan", "answer_tag", False, ErrorCode.CONFLICTING_ARGUMENTS),
        ("none", "boxed", True, ErrorCode.CONFLICTING_ARGUMENTS),
        ("thinker", "boxed", False, ErrorCode.INVALID_ARGUMENT),
    ],
)
def test_marks_that_no_row_could_have_are_refused(name, format, opens, code):
    with pytest.raises(UsageError) as error:
        student_of(name, format, opens)
    assert error.value.code == code


@pytest.mark.parametrize(
    ("format", "text", "reasoning"),
    [
        ("answer_tag", "It is viral. So the final answer is: <answer>B</answer>", "It is viral."),
        ("answer_tag", "It is viral.\n\n**Final answer:**\n<answer> b </answer>", "It is viral."),
        ("answer_line", "It is viral.\n\nANSWER: B", "It is viral."),
        ("the_answer_is", "It is viral (not bacterial). The answer is (B).", "It is viral (not bacterial)."),
        ("boxed", "It is viral! I answer \\boxed{B}", "It is viral!"),
        ("answer_tag", "A viral cause\n- fever\n<answer>B</answer>", "A viral cause\n- fever"),
        ("answer_tag", "A viral cause\nfever\nAnswer:\n<answer>B</answer>", "A viral cause\nfever"),
        ("answer_tag", "<answer>B</answer>", ""),
    ],
)
def test_a_response_without_marks_reasons_before_its_answer(format, text, reasoning):
    reply = read_reply(record(text), LABELS, format)
    assert (reply.label, reply.reasoning, reply.final) == ("B", reasoning, write(format, "B"))


@pytest.mark.parametrize(
    ("made", "status"),
    [
        (record("", "I think it is B."), "reasoning_only"),
        (record(""), "empty"),
        (record("I'm sorry, but I can't help with that."), "refused"),
        (record("As an AI, I cannot give advice."), "refused"),
        (record("The lungs are clear; I cannot rule out A."), "no_answer"),
        (record("whatever <answer>B</answer>", finish="refused"), "refused"),
        (record("I think", finish="length"), "truncated"),
        (record("I think", opens=True), "reasoning_unclosed"),
        (record("<think>", finish="length"), "truncated"),
    ],
)
def test_a_response_without_an_answer_says_why(made, status):
    reply = read_reply(made, LABELS, "answer_tag")
    assert (reply.status, reply.label) == (status, None)


def test_separate_reasoning_is_taken_as_it_is():
    reply = read_reply(record("It is B. <answer>B</answer>", "Because of fever.", opens=True), LABELS, "answer_tag")
    assert reply.reasoning == "Because of fever." and reply.final == "It is B. <answer>B</answer>"
