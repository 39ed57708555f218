"""Rows become items: gold labels are never guessed, and what can't be presented is refused with its id."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from evalsuite.data.item_conversion import NATIVE, convert, shuffled
from evalsuite.data.row_fields import LETTERS, text
from evalsuite.errors import DataError, ErrorCode
from evalsuite.tasks.item import Item
from evalsuite.tasks.schema import RowLayout

COLUMNS = {"kind": "columns", "columns": ["a", "b", "c", "d"]}


def layout(**facts: Any) -> RowLayout:
    plain = {"id": "id", "question": "q", "options": COLUMNS, "gold": {"kind": "index", "at": "cop"}, **facts}
    return RowLayout.model_validate_json(json.dumps(plain))


def refusal(content: Any, using: RowLayout) -> str:
    """The message of the error that these rows are."""
    with pytest.raises(DataError) as caught:
        convert(content, using, "somewhere")
    assert caught.value.code is ErrorCode.DATA_MALFORMED
    message = str(caught.value)
    assert message.startswith("somewhere: ") and "\n" not in message
    message.encode()
    return message


def row(name: int, cop: Any, **more: Any) -> dict[str, Any]:
    return {"id": str(name), "q": f"question {name}", "a": "w", "b": "x", "c": "y", "d": "z", "cop": cop, **more}


def native(**more: Any) -> dict[str, Any]:
    return {"id": "1", "question": "q", "options": {"A": "x", "B": "y"}, "answer": "B", **more}


def test_more_options_than_letters_are_refused_and_never_cut():
    texts = [f"option {number}" for number in range(30)]
    assert len(convert([native(options=texts[:26])], NATIVE, "f").items[0].options) == 26
    listed = layout(options={"kind": "list", "at": "o"}, gold={"kind": "label", "at": "g"})
    assert "item 1: 30 options" in refusal([{"id": "1", "q": "q", "o": texts, "g": "B"}], listed)
    assert "item 1: 30 options" in refusal([native(options=texts)], NATIVE)
    wide = layout(
        options={"kind": "columns", "columns": [f"c{n}" for n in range(30)]}, gold={"kind": "label", "at": "g"}
    )
    columns = {f"c{n}": text for n, text in enumerate(texts)}
    assert "item 1: 30 options" in refusal([{"id": "1", "q": "q", "g": "B", **columns}], wide)
    empty = {name: (value if int(name[1:]) < 4 else "") for name, value in columns.items()}
    assert len(convert([{"id": "1", "q": "q", "g": "B", **empty}], wide, "f").items[0].options) == 4
    named = {f"o{number}": text for number, text in enumerate(texts)}
    assert len(convert([native(options=named, answer="o29")], NATIVE, "f").items[0].options) == 30


@pytest.mark.parametrize("field", ["image", "Image", "images", "image_path", "img", "figure_url"])
def test_an_item_with_an_image_is_refused(field):
    for content in ("x.png", ["x.png"], {"bytes": b"x", "path": None}):
        with pytest.raises(DataError) as caught:
            convert([native(**{field: content})], NATIVE, "f")
        assert caught.value.code is ErrorCode.DATA_REFUSED and "item 1" in str(caught.value)
    for content in ("", None, [], float("nan")):
        assert len(convert([native(**{field: content})], NATIVE, "f").items) == 1


def test_rows_of_train_files_that_cannot_become_items_are_left_out_and_listed():
    table = [row(1, 0), row(2, 9), row(3, 2, c=""), row(4, None), row(5, 2)]
    rows = convert(table, layout(), "f", skip_malformed=True)
    assert [item.id for item in rows.items] == ["1", "5"] and [item.gold for item in rows.items] == ["A", "C"]
    assert len(rows.malformed) == 3
    with pytest.raises(DataError):
        convert([row(1, 0, a="")], layout(), "f", skip_malformed=True)


def test_a_label_may_be_the_only_one_of_a_list():
    for answer in ("B", ["B"], ["b"]):
        assert convert([native(answer=answer)], NATIVE, "f").items[0].gold == "B"
    refusal([native(answer=["A", "B"])], NATIVE)
    refusal([native(answer=[])], NATIVE)


@given(st.lists(st.integers(0, 3), min_size=1, max_size=30), st.booleans())
def test_the_base_of_an_index_follows_from_the_whole_file_or_is_refused(golds, from_one):
    table = [row(i, float(gold + from_one)) for i, gold in enumerate(golds)]
    decided = 3 in golds if from_one else 0 in golds
    if decided:
        items = convert(table, layout(), "f").items
        assert [item.gold for item in items] == ["ABCD"[gold] for gold in golds]
    else:
        assert "cop may count from 0 or from 1" in refusal(table, layout())


@pytest.mark.parametrize(
    ("table", "place"),
    [
        ([row(1, 0), row(2, 4)], "cop may count from 0 or from 1"),
        ([row(1, 5)], "item 1: cop is 5 with 4 options"),
        ([row(1, -1)], "item 1: cop is -1 with 4 options"),
        ([row(1, None)], "item 1: no gold label at 'cop'"),
        *[
            ([row(1, value)], "item 1: the answer")
            for value in (1.5, float("inf"), "nan", "Infinity", "1e3", "1_0", "٣")
        ],
        ([row(1, float("nan"))], "item 1: no gold label at 'cop'"),
        ([row(1, 4, b=["x", "y"])], "item 1: option B is not a text"),
        ([row(1, 4, q={"text": "x"})], "item 1: 'q' is not a text"),
        ([row(1, 4), row(1, 4)], "id 1"),
        ([row(1, 4, q=" ")], "item 1: the question is empty"),
        ([row(1, 4, b=None)], "item 1: option B is empty"),
        ([row(1, 4, id="")], "row 0: no id at 'id'"),
        ([row(1, 4, id="a\nb")], "row 0: an id"),
        ({"a": 1}, "one row per item"),
    ],
)
def test_what_cannot_be_presented_is_refused_with_its_place(table, place):
    assert place in refusal(table, layout())


def test_empty_rows_are_left_out_and_counted():
    nan = float("nan")
    empty = {"id": nan, "q": nan, "a": nan, "b": None, "c": "", "d": " ", "cop": nan}
    result = convert([row(1, 4), empty, row(2, 1)], layout(), "f")
    assert [item.id for item in result.items] == ["1", "2"]
    assert result.empty == ("row 1",)


def test_outer_white_space_is_stripped_and_reported():
    result = convert([row(1, 4, b=" x "), row(2, 1)], layout(), "f")
    assert result.items[0].options == ("w", "x", "y", "z")
    assert result.trimmed == ("1",)


def test_options_are_sorted_by_label():
    item = convert([native(options={"B": "y", "A": "x"})], NATIVE, "f").items[0]
    assert (item.labels, item.options, item.gold) == (("A", "B"), ("x", "y"), "B")


def test_empty_options_at_the_end_do_not_exist():
    item = convert([native(options={"A": "x", "B": "y", "C": None, "D": ""})], NATIVE, "f").items[0]
    assert item.labels == ("A", "B")


@pytest.mark.parametrize(
    ("options", "count"),
    [
        ({}, "no options"),
        (None, "no options"),
        ("x", "no options"),
        ({"A": "x"}, "1 option"),
        ({"A": "x", "B": ""}, "option B"),
        ({"A": "", "B": "", "C": None}, "option A"),
    ],
)
def test_an_item_with_fewer_than_two_options_is_refused(options, count):
    assert f"item 1: {count} at 'options'" in refusal([native(options=options)], NATIVE)


@pytest.mark.parametrize("labels", [("A", ""), ("A", "a"), ("yes", "YES"), ("A", "B\x1b[2J"), ("A", "B\u200b")])
def test_labels_that_no_answer_could_name_are_refused(labels):
    message = refusal([native(options=dict(zip(labels, "xy", strict=True)), answer="A")], NATIVE)
    assert "item 1: " in message and "label" in message


@pytest.mark.parametrize(
    "more",
    [
        {"question": "half \ud83d a face"},
        {"options": {"A": "x", "B": "\udc00"}},
        {"context": {"headings": ["\ud800"], "texts": ["t"]}},
        {"meta": {"subject": "\ud800"}},
        {"group": "\ud800"},
    ],
)
def test_half_a_character_is_refused_with_its_place(more):
    assert "item 1: a lone surrogate" in refusal([native(**more)], NATIVE)


@pytest.mark.parametrize("name", ["1\x9b31m", "1\u202e", "1\u20282", "\ud800"])
def test_an_id_with_control_characters_is_refused(name):
    assert "row 0: an id" in refusal([native(id=name)], NATIVE)


@pytest.mark.parametrize("gold", ["C", "", None, "x", "AB", float("nan")])
def test_a_gold_that_is_no_label_is_refused(gold):
    message = refusal([native(answer=gold)], NATIVE)
    assert "item 1: " in message and "'answer'" in message
    if gold in ("C", "x", "AB"):
        assert repr(gold) in message and "A, B" in message


@pytest.mark.parametrize("gold", [["B"], "['B']", '["B"]'])
def test_a_list_of_one_label_is_a_gold(gold):
    listed = NATIVE.model_copy(update={"gold": layout(gold={"kind": "list", "at": "answer"}).gold})
    assert convert([native(answer=gold)], listed, "f").items[0].gold == "B"


@pytest.mark.parametrize("gold", [[], ["A", "B"], "['A', 'B']", "__import__('os')", "B", "[" * 9999, 3])
def test_any_other_list_is_refused_and_never_executed(gold):
    listed = NATIVE.model_copy(update={"gold": layout(gold={"kind": "list", "at": "answer"}).gold})
    assert "item 1: the gold label" in refusal([native(answer=gold)], listed)


@pytest.mark.parametrize(
    ("field", "value"), [("context", "Important text"), ("context", ["a"]), ("meta", 5), ("meta", "anatomy")]
)
def test_a_context_or_meta_of_a_wrong_shape_is_refused(field, value):
    message = refusal([native(**{field: value})], NATIVE)
    assert "item 1: " in message and repr(field) in message
    empty = convert([native(**{field: None})], NATIVE, "f").items
    assert empty == convert([native(**{field: ""})], NATIVE, "f").items == convert([native()], NATIVE, "f").items


def test_a_gold_given_as_text_must_name_one_option():
    by_text = NATIVE.model_copy(update={"gold": layout(gold={"kind": "text", "at": "answer"}).gold})
    assert convert([native(answer="y")], by_text, "f").items[0].gold == "B"
    ambiguous = native(answer="x", options={"A": "x", "B": "x"})
    message = refusal([ambiguous], by_text)
    assert "item 1: " in message and "'x' at 'answer'" in message


def test_native_rows_have_context_group_and_subgroups():
    more = {"context": {"headings": ["H"], "texts": [" t "]}, "group": "g", "meta": {"subject": "s", "none": None}}
    item = convert([native(**more, unknown=[1])], NATIVE, "f").items[0]
    assert (item.context, item.group, item.meta) == ((("H", "t"),), "g", {"subject": "s"})
    unequal = native(context={"headings": [], "texts": ["t"]})
    assert "item 1: context.headings and context.texts" in refusal([unequal], NATIVE)


def test_where_selects_rows():
    table = [row(1, 4, category="biology"), row(2, 0, category="law")]
    assert [i.id for i in convert(table, layout(where={"category": "biology"}), "f").items] == ["1"]


def test_choices_are_cut_at_the_last_marker():
    stem = "Why?\nAnswer Choices: really\nAnswer Choices: (A) w (B) x"
    cut = layout(cut="\nAnswer Choices:")
    first, second = convert([row(1, 4, q=stem), row(2, 1, q="no choices")], cut, "f").items
    assert (first.question, second.question) == ("Why?\nAnswer Choices: really", "no choices")


def test_groups_are_the_items_that_share_a_question():
    table = [row(10, 4, q="Same  question"), row(9, 1, q="same question", a="other"), row(3, 1)]
    by_question = convert(table, layout(group="question"), "f").items
    assert [item.group for item in by_question] == ["9", "9", ""]
    assert [item.group for item in convert(table, layout(group="item"), "f").items] == ["", "", ""]


texts = st.text(min_size=1, max_size=8)


@given(st.lists(texts, min_size=2, max_size=21, unique=True), st.integers(0, 20), st.text(max_size=5), texts)
def test_a_shuffle_keeps_labels_options_and_the_gold_text(options, gold, seed, name):
    assume(gold < len(options))
    labels = tuple(LETTERS[: len(options)])
    item = Item(name, "q", tuple(options), labels, labels[gold])
    other = shuffled(item, seed)
    assert other == shuffled(item, seed)
    assert other.labels == labels
    assert sorted(other.options) == sorted(options)
    assert other.options[labels.index(other.gold)] == options[gold]


def test_a_shuffle_is_the_same_forever():
    item = Item("22190764226224", "q", ("v", "w", "x", "y", "z"), tuple("ABCDE"), "A")
    ranks = [hashlib.sha256(f"s\n22190764226224\n{label}".encode()).digest() for label in "ABCDE"]
    assert shuffled(item, "s").options == tuple(option for _, option in sorted(zip(ranks, "vwxyz", strict=True)))


@given(st.one_of(st.none(), st.integers(), st.floats(), st.text(), st.booleans()))
def test_text_of_a_cell_is_stripped_and_nothing_is_empty(value):
    assert text(value) == text(value).strip()
    assert text(2024.0) == "2024" and text(float("nan")) == text(None) == ""
