"""The grade of one response inside another harness: that of `evalsuite run`, and its JSON form."""

import json

from hypothesis import given
from hypothesis import strategies as st

from evalsuite.data.load import load
from evalsuite.interop.grade_response import grade_response, grade_to_json
from evalsuite.parser import FORMATS, parse
from evalsuite.tasks.answer_format import write
from evalsuite.tasks.registry import load_task
from evalsuite.tasks.rotation import rotated, rotations_of

ITEM = load(load_task("starter_vignette")).items[0]
PIECES = st.sampled_from(
    ["<think>", "</think>", "<answer>", "</answer>", "A", " B ", "ANSWER: C", "\n", r"\boxed{D}", "x"]
)
TEXTS = st.lists(PIECES, max_size=8).map("".join)


@given(text=TEXTS, format=st.sampled_from(FORMATS), opens=st.booleans(), finish=st.sampled_from(["stop", "length"]))
def test_the_grade_has_the_labels_and_statuses_of_the_parser(text, format, opens, finish):
    grade = grade_response(ITEM, format, text, finish=finish, opens_reasoning=opens)
    parsed = parse(text, ITEM.labels, ITEM.options, format, finish, opens)
    assert (grade.strict.label, grade.strict.status) == (parsed.strict.label, parsed.strict.status)
    assert (grade.lenient.label, grade.lenient.status) == (parsed.lenient.label, parsed.lenient.status)
    assert grade.strict.correct == (parsed.strict.label == ITEM.gold)


@given(text=TEXTS, format=st.sampled_from(FORMATS))
def test_after_separate_reasoning_the_text_does_not_begin_inside_reasoning(text, format):
    separate = grade_response(ITEM, format, text, reasoning="hm", opens_reasoning=True)
    alone = grade_response(ITEM, format, text, opens_reasoning=False)
    if alone.strict.status == "empty":
        assert (separate.strict.status, separate.lenient.status) == ("reasoning_only", "reasoning_only")
    else:
        assert separate == alone


def test_the_label_of_a_rotated_item_is_the_items_own():
    for rotation in rotations_of(ITEM):
        text = write("answer_tag", rotated(ITEM, rotation).gold)
        grade = grade_response(ITEM, "answer_tag", text, sample=3, rotation=rotation)
        assert (grade.strict.label, grade.strict.correct, grade.sample, grade.rotation) == (
            ITEM.gold,
            True,
            3,
            rotation,
        )


@given(text=TEXTS, format=st.sampled_from(FORMATS))
def test_the_json_form_holds_both_parses(text, format):
    grade = grade_response(ITEM, format, text)
    fields = json.loads(json.dumps(grade_to_json(grade)))
    assert fields["strict"] == json.loads(json.dumps(grade.strict._asdict()))
    assert fields["lenient"] == {**json.loads(json.dumps(grade.lenient._asdict())), "form": grade.form}
