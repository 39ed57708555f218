"""Matching by text: any order, any line breaks, few-shot examples in front; never a wrong item, never by position."""

import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalsuite.data.load import load
from evalsuite.errors import ErrorCode, RunError
from evalsuite.interop.importing.harness_log import HarnessLog, LoggedQuestion
from evalsuite.interop.importing.match_items import (
    items_with_other_gold,
    match_questions,
    match_task,
)
from evalsuite.tasks.item import Dataset, Item
from evalsuite.tasks.prompt import TaskPrompt
from evalsuite.tasks.registry import load_suites, load_task
from evalsuite.tasks.schema import Task

DATA = Path(__file__).parents[3] / "shared" / "data"
needs_data = pytest.mark.skipif(not DATA.is_dir(), reason="needs ../shared/data")
STARTER = load_suites()["starter"].tasks


def item(id, question, *options, gold="A"):
    return Item(id, question, options, tuple("ABCDEFGHIJ"[: len(options)]), gold)


def toy_dataset(*items):
    return Dataset(Task(name="toy", version=1, folder=Path()), items, "d", "", Path())


def prompt(item, mark="{}. {}"):
    return "\n".join([item.question, *(mark.format(*pair) for pair in zip(item.labels, item.options, strict=True))])


def questions_of(*items, **kwargs):
    return [LoggedQuestion("", prompt(one, **kwargs), one.gold) for one in items]


def ids(match):
    return [one and one.id for one in match.items]


def graded_content(item):
    """Everything of an item that decides a grade."""
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
    example = prompt(rng.choice(items))
    questions = [
        LoggedQuestion("", f"Example:\n{example}\nAnswer: A\n\nQuestion: {prompt(one, mark)}\n\nThink.", one.gold)
        for one in items
    ]
    assert ids(match_questions(data, questions)) == [one.id for one in items]


def test_line_breaks_and_spaces_are_no_difference():
    data = toy_dataset(item("a", "What is it,\n  doctor?", "a fever", "a cold"))
    assert ids(match_questions(data, [LoggedQuestion("", "What is   it, doctor?\nA. a\nfever\nB. a cold", "A")])) == [
        "a"
    ]


def test_a_question_that_begins_another_and_options_that_are_a_part_of_others_are_distinguished():
    short, long = (
        item("short", "Which drug is first?", "x1", "x2"),
        item("long", "Which drug is first? And why so?", "x1", "x2"),
    )
    signs = "a red macular rash", "a tender swollen knee", "a loud late murmur", "a dry hacking cough"
    four, three = item("four", "Which sign?", *signs), item("three", "Which sign?", *signs[:2], signs[3])
    data = toy_dataset(short, long, three, four)
    assert ids(match_questions(data, questions_of(long, four, short, three))) == ["long", "four", "short", "three"]
    assert ids(match_questions(toy_dataset(short, three), questions_of(four))) == [None], (
        "four options are not an item of three"
    )


def test_options_in_another_order_are_another_item():
    data = toy_dataset(item("a", "Which?", "left", "right"))
    assert ids(match_questions(data, [LoggedQuestion("", "Which?\nA. right\nB. left", "A")])) == [None]


def test_text_after_a_question_belongs_to_the_prompt_only_if_all_prompts_have_it():
    data = toy_dataset(
        item("a", "Which way?", "to the left", "to the right"), item("b", "What then?", "a step back", "a halt")
    )
    both = questions_of(*data.items)
    for question in both:
        question.prompt = question.prompt.replace("?", "? Choose from these:")
    assert ids(match_questions(data, both)) == ["a", "b"]
    both[1].prompt = both[1].prompt.replace("? Choose", "? Not at all? Choose")
    assert None in ids(match_questions(data, both))


def test_more_options_than_the_items_are_another_item():
    data = toy_dataset(item("a", "Which?", "left", "right"))
    for fifth in ("C. both", "(C) both", "C) both", "**C.** both"):
        assert ids(match_questions(data, [LoggedQuestion("", f"Which?\nA. left\nB. right\n{fifth}", "A")])) == [None]
    assert ids(match_questions(data, [LoggedQuestion("", "Which?\nA. left\nB. right\n\nChoose one.", "A")])) == ["a"]


def test_repeated_items_are_assigned_once_each_by_their_gold_label():
    duplicates = item("1", "Which one?", "p", "q", gold="A"), item("2", "Which one?", "p", "q", gold="B")
    data = toy_dataset(*duplicates)
    assert ids(match_questions(data, questions_of(*reversed(duplicates)))) == ["2", "1"]
    assert ids(match_questions(data, [*questions_of(*duplicates), *questions_of(duplicates[0])])) == ["1", "2", None]


@pytest.mark.parametrize("keys", ["ABCD", "1234", "0123", ["I", "II", "III", "IV"], ["p", "q", "r", "s"]])
def test_all_targets_together_show_how_they_name_options(keys):
    items = [item(str(n), f"Which one is number {n}?", "p", "q", "r", "s", gold="ABCD"[n % 4]) for n in range(8)]
    questions = [LoggedQuestion("", prompt(one), keys["ABCD".index(one.gold)]) for one in items]
    questions[5].target = keys[3]  # a revised gold label
    match = match_questions(toy_dataset(*items), questions)
    log = HarnessLog("lm-eval 1", "m", "t", 1, "acc", tuple(questions), {}, "", (Path("f"),))
    assert [one.id for one in items_with_other_gold(match, log)] == ["5"]


def test_a_question_that_the_named_task_lacks_is_an_error(tmp_path):
    log = HarnessLog(
        "lm-eval 1", "m", "t", 1, "acc", (LoggedQuestion("", "Never asked?\nA. yes", "A"),), {}, "", (tmp_path / "f",)
    )
    with pytest.raises(RunError, match=r"1 of 1 .*starter_recall.*Never asked\?") as caught:
        match_task(log, "starter_recall", None)
    assert caught.value.code is ErrorCode.LOG_TASK_UNKNOWN
    assert "\n" not in str(caught.value)


@needs_data
@pytest.mark.parametrize("name", load_suites()["all"].tasks)
def test_every_real_item_is_found_by_its_prompt(name):
    """An item may be matched as its duplicate: one with the same question, options and gold label."""
    data = load(load_task(name), DATA)
    prompt = TaskPrompt(data.task, data.task.format)
    items = random.Random(5).sample(data.items, min(600, len(data.items)))
    match = match_questions(data, [LoggedQuestion("", prompt.messages(one)[-1]["content"], one.gold) for one in items])
    assert [one and graded_content(one) for one in match.items] == [graded_content(one) for one in items]
    assert len({one.id for one in match.items if one}) == len(items)


@needs_data
@pytest.mark.parametrize(
    "name", ["medqa", "medqa_5opt", "medbullets_op4", "medbullets_op5", "pubmedqa", "pubmedqa_1000"]
)
def test_benchmarks_that_share_questions_are_distinguished(name):
    data = load(load_task(name), DATA)
    prompt = TaskPrompt(data.task, data.task.format)
    questions = tuple(LoggedQuestion("", prompt.messages(one)[-1]["content"], one.gold) for one in data.items)
    log = HarnessLog("lm-eval 1", "m", "t", 1, "acc", questions, {}, "", (Path("f"),))
    match = match_task(log, None, DATA)
    assert match and match.dataset.task.name == name
    assert items_with_other_gold(match, log) == []
