"""Option rotation: no option is lost, each is once at every place, and answers are graded in the original labels."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalsuite.grading.grade import grade
from evalsuite.grading.loglikelihood import grade_by_loglikelihood
from evalsuite.models.backend import PromptSetup
from evalsuite.run_folder import ResponseRecord
from evalsuite.tasks.answer_format import FORMATS, write
from evalsuite.tasks.item import Item
from evalsuite.tasks.rotation import original_label, rotated, rotations_of

LETTERS = "ABCDEFGHIJ"


@st.composite
def items(draw):
    """Items of 2 to 10 options, lettered or named by words."""
    count = draw(st.integers(2, 10))
    options = tuple(f"drug {number}" for number in range(count))
    labels = tuple(LETTERS[:count]) if draw(st.booleans()) else options
    return Item("i", "Which?", options, labels, draw(st.sampled_from(labels)))


def text_of(item, label):
    return item.options[item.labels.index(label)]


def record(text, rotation=0, logprobs=None):
    return ResponseRecord("i", 0, text, "", "stop", False, None, None, None, "", logprobs, rotation)


@given(items())
def test_a_rotation_loses_no_option_and_keeps_the_gold_text(item):
    for rotation in rotations_of(item):
        moved = rotated(item, rotation)
        assert sorted(moved.options) == sorted(item.options) and sorted(moved.labels) == sorted(item.labels)
        assert text_of(moved, moved.gold) == text_of(item, item.gold)
        for place, option in enumerate(moved.options):
            assert text_of(item, original_label(item, place, rotation)) == option


@given(items())
def test_over_all_rotations_each_option_is_once_at_each_place(item):
    orders = [rotated(item, rotation).options for rotation in rotations_of(item)]
    assert orders[0] == item.options and len(orders) == len(item.options)
    assert all(len(set(place)) == len(item.options) for place in zip(*orders, strict=True))


@given(items(), st.sampled_from(FORMATS), st.data())
def test_an_answer_is_graded_in_the_original_labels(item, format, data):
    rotation = data.draw(st.sampled_from(rotations_of(item)))
    moved = rotated(item, rotation)
    answer = data.draw(st.sampled_from(moved.labels))
    graded = grade(item, record(write(format, answer), rotation), PromptSetup((), format))
    assert text_of(item, graded.strict.label) == text_of(moved, answer)
    assert graded.strict.label == graded.lenient.label
    assert graded.strict.correct == (answer == moved.gold)
    assert (graded.gold, graded.rotation) == (item.gold, rotation)
    named = grade(item, record(f"The answer is {text_of(moved, answer)}", rotation), PromptSetup((), format))
    assert named.lenient.label in (graded.strict.label, None)


@given(items(), st.data())
def test_the_likeliest_option_is_graded_in_the_original_labels(item, data):
    rotation = data.draw(st.sampled_from(rotations_of(item)))
    moved = rotated(item, rotation)
    place = data.draw(st.integers(0, len(moved.options) - 1))
    logs = [0.0 if place == each else -1.0 - each for each in range(len(moved.options))]
    graded = grade_by_loglikelihood(item, record("", rotation, logs))
    assert text_of(item, graded.strict.label) == moved.options[place]
    assert graded.strict.correct == (moved.labels[place] == moved.gold)


@given(items())
def test_always_choosing_one_place_is_right_exactly_once_over_all_rotations(item):
    for place in range(len(item.options)):
        right = [
            rotated(item, rotation).labels[place] == rotated(item, rotation).gold for rotation in rotations_of(item)
        ]
        assert sum(right) == 1


def test_labels_that_a_recording_put_before_the_options_are_parsed_by_place():
    item = Item("i", "Is it?", ("yes", "no", "maybe"), ("yes", "no", "maybe"), "maybe")
    graded = grade(
        item, record("<answer>B</answer>", rotation=1), PromptSetup((), "answer_tag", labels=("A", "B", "C"))
    )
    assert graded.strict.label == "maybe" and graded.strict.correct


@pytest.mark.parametrize(
    "option",
    [
        "All of the above",
        "None of above",
        "any of the above.",
        "all the above",
        "All the above",
        "None of the above: age",
        "以上都不是",
    ],
)
def test_an_option_that_refers_to_others_by_their_place_prevents_rotation(option):
    assert rotations_of(Item("i", "", ("x", "y", option), ("A", "B", "C"), "A")) == range(1)


@pytest.mark.parametrize(
    "option",
    ["Above-knee amputation", "Two fingers above the ear", "above the level of the spine", "None", "60岁以上"],
)
def test_the_word_above_alone_does_not_prevent_rotation(option):
    assert rotations_of(Item("i", "", ("x", "y", option), ("A", "B", "C"), "A")) == range(3)
