"""Own items: what is accepted becomes the same item again, and what can't be used is refused with its place."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import evalsuite as es
from evalsuite.data.load import load
from evalsuite.data.own_items import native_row, own_items
from evalsuite.errors import DataError, TaskError, UsageError
from evalsuite.tasks.registry import load_task

WORDS = st.text(st.characters(categories=["L", "N", "P"]), min_size=1, max_size=12)
LABELS = st.lists(
    st.sampled_from(["yes", "no", "maybe", "A", "B", "C", "ja", "ni"]), min_size=2, max_size=5, unique=True
)


def row(**more):
    return {"question": "Which?", "options": ["x", "y", "z"], "answer": "B", **more}


def test_the_forms_of_an_item_are_the_same_item():
    forms = [
        row(id="0"),
        {"question": "Which?", "options": {"A": "x", "B": "y", "C": "z"}, "gold": "B"},
        {"question": " Which? ", "options": ("x", "y ", "z"), "answer": "b"},
        es.Item("0", "Which?", ("x", "y", "z"), ("A", "B", "C"), "B"),
    ]
    assert [es.Dataset([form]).items for form in forms] == [es.Dataset([forms[0]]).items] * len(forms)


@settings(max_examples=100)
@given(data=st.data())
def test_an_item_survives_the_run_folder(data):
    labels = data.draw(LABELS)
    if all(len(label) == 1 for label in labels):
        labels = sorted(labels)
    item = es.Item(
        id=data.draw(WORDS),
        question=data.draw(WORDS),
        options=tuple(data.draw(WORDS) for _ in labels),
        labels=tuple(labels),
        gold=data.draw(st.sampled_from(labels)),
        context=tuple(data.draw(st.lists(st.tuples(WORDS, WORDS), max_size=2))),
        group=data.draw(WORDS),
        meta=data.draw(st.dictionaries(WORDS, WORDS, max_size=2)),
    )
    assert own_items([json.loads(json.dumps(native_row(item)))], "t") == (item,)


def test_items_of_a_task_are_the_same_items():
    items = es.load_items("starter_evidence")
    mine = es.Dataset(items, answer_format="boxed", name="mine")
    assert mine.items == items
    assert mine.digest == load_task("starter_evidence").digest == load(load_task("starter_evidence")).digest


@pytest.mark.parametrize(
    ("items", "place"),
    [
        ([], "custom"),
        ([5], "item 0"),
        ([row(), row(anwser="B")], "item 1"),
        ([row(answer="D")], "item 0"),
        ([row(answer=None)], "item 0"),
        ([row(question="")], "item 0"),
        ([row(options=["x"])], "item 0"),
        ([row(options=["x", "", "z"])], "item 0"),
        ([row(options={"A": "x", "a": "y"}, answer="A")], "item 0"),
        ([row(options=["x", "y", ""])], "item 0"),
        ([row(options=[f"option {n}" for n in range(27)])], "item 0"),
        ([row(options="xyz")], "item 0"),
        ([row(gold="A")], "item 0"),
        ([es.Item("e", "Which?", ("x", "y"), ("A", "A"), "A")], "item e"),
        ([es.Item("e", "Which?", ("x", "y", "z"), ("A", "B"), "A")], "item e"),
        ([row(id="q"), row(id="q")], "q"),
        ([row(question="half \ud800")], "item 0"),
        ([row(context={"headings": ["a"], "texts": []})], "item 0"),
    ],
)
def test_an_item_that_cannot_be_used_is_named(items, place):
    with pytest.raises(DataError, match=f"custom.*{place}|{place}"):
        es.Dataset(items)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("context", 5),
        ("context", ["Important text"]),
        ("context", {"Background": "Important text"}),
        ("context", {"headings": "a", "texts": "b"}),
        ("context", {"headings": ["a"], "texts": [["b"]]}),
        ("context", {"headings": ["a"], "texts": ["b"], "more": ["c"]}),
        ("meta", 5),
        ("meta", "anatomy"),
        ("meta", ["anatomy"]),
        ("meta", {"subject": ["anatomy"]}),
        ("question", ["Which?"]),
        ("answer", ["B"]),
        ("gold", {"label": "B"}),
        ("group", ["g"]),
        ("id", {"a": 1}),
        ("options", "xyz"),
        ("options", ["x", ["y"], "z"]),
    ],
)
def test_a_value_of_a_wrong_shape_is_refused_with_its_item_and_field(field, value):
    item = {key: each for key, each in row().items() if (key, field) != ("answer", "gold")}
    with pytest.raises(DataError) as caught:
        es.Dataset([row(), {**item, field: value}])
    assert caught.value.code is es.ErrorCode.DATA_MALFORMED
    shown = {"gold": "answer"}.get(field, field)
    assert f"item 1: {shown!r}" in str(caught.value)


def test_a_context_may_be_one_text_or_missing():
    sections = {"headings": ["Context"], "texts": ["A trial."]}
    plain, full, none = (es.Dataset([row(context=each)]) for each in ("A trial.", sections, " "))
    assert plain.items == full.items and plain.digest == full.digest
    assert "A trial." in plain.task.messages(plain.items[0])[0]["content"]
    nan = float("nan")
    assert none.items == es.Dataset([row()]).items == es.Dataset([row(context=nan, meta=nan, group=nan)]).items


def test_the_prompt_shows_every_option_and_the_context_and_never_the_gold_label():
    context = {"headings": ["Background"], "texts": ["A trial of aspirin."]}
    mine = es.Dataset([row(context=context), row()])
    first, second = (mine.task.messages(item)[0]["content"] for item in mine.items)
    assert first.startswith("Background: A trial of aspirin.") and "Background" not in second
    assert all(text in first for text in ("A. x", "B. y", "C. z", "<answer>X</answer>"))
    with pytest.raises(TaskError, match=r"option C.*item 0"):
        es.Dataset([row()], prompt="{{ item.question }} {{ item.options[0][1] }} {{ answer_instruction }}")
    with pytest.raises(TaskError):
        es.Dataset([row()], prompt="{{ item.gold }} {{ item.question }}")
    with pytest.raises(TaskError):
        es.Dataset([row()], prompt="{% if %}")


def test_an_own_prompt_is_what_is_sent(tmp_path):
    options = "{% for label, text in item.options %}|{{ label }}={{ text }}{% endfor %}"
    prompt = "{{ item.question }}" + options + "|{{ answer_instruction }}"
    seen = []

    def model(messages):
        seen.append(messages[0]["content"])
        return "<answer>B</answer>"

    es.evaluate(model, es.Dataset([row()], prompt=prompt), out=tmp_path / "run")
    assert seen[0].startswith("Which?|A=x|B=y|C=z|")


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ({"name": "medqa"}, "invalid_argument"),
        ({"name": "../up"}, "invalid_argument"),
        ({"answer_format": "shout"}, "unknown_answer_format"),
    ],
)
def test_a_name_or_format_that_cannot_be_used_is_refused(arguments, code):
    with pytest.raises(UsageError) as caught:
        es.Dataset([row()], **arguments)
    assert caught.value.code == code
