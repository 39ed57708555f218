"""Joining by content: any order, any line breaks, shots in front; never a wrong item, never by place."""

import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalsuite.data.load import load
from evalsuite.errors import RunError
from evalsuite.interop.importing.log import HarnessLog, LoggedQuestion
from evalsuite.interop.importing.match import find, join, revised, said_gold
from evalsuite.tasks.item import Dataset, Item
from evalsuite.tasks.prompt import TaskPrompt
from evalsuite.tasks.registry import load_suites, load_task
from evalsuite.tasks.schema import Task

DATA = Path(__file__).parents[3] / "shared" / "data"
needs_data = pytest.mark.skipif(not DATA.is_dir(), reason="needs the data mirror beside the checkout")
STARTER = load_suites()["starter"].tasks


def item(id, question, *options, gold="A"):
    return Item(id, question, options, tuple("ABCDEFGHIJ"[: len(options)]), gold)


def toy(*items):
    return Dataset(Task(name="toy", version=1, folder=Path()), items, "d", "", Path())


def prompt(item, mark="{}. {}"):
    return "\n".join([item.question, *(mark.format(*pair) for pair in zip(item.labels, item.options, strict=True))])


def asked(*items, **kwargs):
    return [LoggedQuestion("", prompt(one, **kwargs), one.gold) for one in items]


def ids(match):
    return [one and one.id for one in match.items]


def says(item):
    """Everything of an item that a response is graded by."""
    return ["".join(text.split()) for text in (item.question, *item.options)], item.labels, item.gold


@given(
    st.randoms(use_true_random=False),
    st.sampled_from(STARTER),
    st.sampled_from(["{}. {}", "({}) {}", "{}) {}", "- {} {}"]),
)
def test_prompts_in_any_order_find_their_items(rng, name, mark):
    data = load(load_task(name))
    items = list(data.items)
    rng.shuffle(items)
    shot = prompt(rng.choice(items))
    questions = [
        LoggedQuestion("", f"Example:\n{shot}\nAnswer: A\n\nQuestion: {prompt(one, mark)}\n\nThink.", one.gold)
        for one in items
    ]
    assert ids(join(data, questions)) == [one.id for one in items]


def test_line_breaks_and_spaces_are_no_difference():
    data = toy(item("a", "What is it,\n  doctor?", "a fever", "a cold"))
    assert ids(join(data, [LoggedQuestion("", "What is   it, doctor?\nA. a\nfever\nB. a cold", "A")])) == ["a"]


def test_a_question_that_begins_another_and_options_that_are_a_part_of_others_are_significant():
    short, long = (
        item("short", "Which drug is first?", "x1", "x2"),
        item("long", "Which drug is first? And why so?", "x1", "x2"),
    )
    signs = "a red macular rash", "a tender swollen knee", "a loud late murmur", "a dry hacking cough"
    four, three = item("four", "Which sign?", *signs), item("three", "Which sign?", *signs[:2], signs[3])
    data = toy(short, long, three, four)
    assert ids(join(data, asked(long, four, short, three))) == ["long", "four", "short", "three"]
    assert ids(join(toy(short, three), asked(four))) == [None], "four options are not an item of three"


def test_options_in_another_order_are_another_item():
    data = toy(item("a", "Which?", "left", "right"))
    assert ids(join(data, [LoggedQuestion("", "Which?\nA. right\nB. left", "A")])) == [None]


def test_words_behind_a_question_are_the_prompts_only_where_all_prompts_hold_them():
    data = toy(item("a", "Which way?", "to the left", "to the right"), item("b", "What then?", "a step back", "a halt"))
    both = asked(*data.items)
    for question in both:
        question.prompt = question.prompt.replace("?", "? Choose from these:")
    assert ids(join(data, both)) == ["a", "b"]
    both[1].prompt = both[1].prompt.replace("? Choose", "? Not at all? Choose")
    assert None in ids(join(data, both))


def test_more_options_than_ours_are_another_item():
    data = toy(item("a", "Which?", "left", "right"))
    for fifth in ("C. both", "(C) both", "C) both", "**C.** both"):
        assert ids(join(data, [LoggedQuestion("", f"Which?\nA. left\nB. right\n{fifth}", "A")])) == [None]
    assert ids(join(data, [LoggedQuestion("", "Which?\nA. left\nB. right\n\nChoose one.", "A")])) == ["a"]


def test_repeated_items_are_given_out_once_each_by_their_key():
    twins = item("1", "Which one?", "p", "q", gold="A"), item("2", "Which one?", "p", "q", gold="B")
    data = toy(*twins)
    assert ids(join(data, asked(*reversed(twins)))) == ["2", "1"]
    assert ids(join(data, [*asked(*twins), *asked(twins[0])])) == ["1", "2", None]


@pytest.mark.parametrize(
    ("target", "label"), [("B", "B"), (" B ", "B"), ("q", "B"), ("1", "B"), ("7", None), ("", None)]
)
def test_a_key_is_a_label_a_text_or_a_number(target, label):
    assert said_gold(LoggedQuestion("", "", target), item("1", "Which?", "p", "q")) == label


def test_a_named_task_that_lacks_questions_is_one_line(tmp_path):
    log = HarnessLog(
        "lm-eval 1", "m", "t", 1, "acc", (LoggedQuestion("", "Never asked?\nA. yes", "A"),), {}, "", (tmp_path / "f",)
    )
    with pytest.raises(RunError, match=r"1 of 1 questions are no items of starter_recall.*Never asked\?") as caught:
        find(log, "starter_recall", None)
    assert "\n" not in str(caught.value)


@needs_data
@pytest.mark.parametrize("name", load_suites()["all"].tasks)
def test_every_real_item_is_found_by_its_prompt(name):
    """An item may come back as its twin: one that says the same, options and key included."""
    data = load(load_task(name), DATA)
    shown = TaskPrompt(data.task, data.task.format)
    items = random.Random(5).sample(data.items, min(600, len(data.items)))
    found = join(data, [LoggedQuestion("", shown.messages(one)[-1]["content"], one.gold) for one in items])
    assert [one and says(one) for one in found.items] == [says(one) for one in items]
    assert len({one.id for one in found.items if one}) == len(items)


@needs_data
@pytest.mark.parametrize(
    "name", ["medqa", "medqa_5opt", "medbullets_op4", "medbullets_op5", "pubmedqa", "pubmedqa_1000"]
)
def test_kin_are_significant(name):
    data = load(load_task(name), DATA)
    shown = TaskPrompt(data.task, data.task.format)
    questions = tuple(LoggedQuestion("", shown.messages(one)[-1]["content"], one.gold) for one in data.items)
    log = HarnessLog("lm-eval 1", "m", "t", 1, "acc", questions, {}, "", (Path("f"),))
    match = find(log, None, DATA)
    assert match and match.dataset.task.name == name
    assert revised(match, log) == []
