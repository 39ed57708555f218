"""The canonical form: independent of order, sensitive to everything that reaches a model or a grade."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalsuite.data import canonical, item_lock
from evalsuite.errors import DataError, ErrorCode
from evalsuite.tasks.item import Item

ITEM = Item("1", "Wéll? 中", ("x", "y"), ("A", "B"), "B", (("H", "t"),), "g", {"s": "v"})


def test_the_canonical_form_is_as_documented():
    expected = (
        b'{"context":[["H","t"]],"gold":"B","id":"1","options":[["A","x"],["B","y"]],"question":"W\\u00e9ll? \\u4e2d"}'
    )
    assert canonical.line(ITEM) == expected


@given(st.permutations(range(6)))
def test_the_order_of_items_does_not_matter(order):
    items = [replace(ITEM, id=str(i)) for i in range(6)]
    assert canonical.digest(items[i] for i in order) == canonical.digest(items)


@pytest.mark.parametrize(
    "change",
    [
        {"question": "Well? 中"}, {"options": ("y", "x")}, {"gold": "A"}, {"labels": ("A", "C"), "gold": "A"},
        {"context": ()}, {"id": "2"}, {"options": ("x ", "y")},
    ],
)  # fmt: skip
def test_whatever_reaches_a_model_or_a_grade_changes_the_digest(change):
    assert canonical.digest([replace(ITEM, **change)]) != canonical.digest([ITEM])


def test_groups_and_subgroups_do_not_change_the_digest():
    assert canonical.digest([replace(ITEM, group="", meta={})]) == canonical.digest([ITEM])


ids = st.text(st.characters(min_codepoint=32, exclude_categories=("Cs", "Zl", "Zp", "Cc")), min_size=1, max_size=9)


@given(st.lists(ids.filter(lambda i: i == i.strip()), unique=True, min_size=1, max_size=9), st.randoms())
def test_a_lock_names_what_changed_is_missing_or_extra(tmp_path_factory, names, random: Random):
    folder = tmp_path_factory.mktemp("lock")
    items = [replace(ITEM, id=name) for name in names]
    item_lock.write_lock(folder, {"a/b.json:rows": items, "c:d": items[:1]})
    locked = item_lock.read_lock(folder)["a/b.json:rows"]
    assert item_lock.differences(items, locked) == ([], [], [])
    victim = random.choice(names)
    changed = [replace(i, gold="A") if i.id == victim else i for i in items]
    assert item_lock.differences(changed, locked) == ([victim], [], [])
    assert item_lock.differences([i for i in items if i.id != victim], locked) == ([], [victim], [])
    extra = replace(ITEM, id=max(names, key=len) + "+")
    assert item_lock.differences([*items, extra], locked) == ([], [], [extra.id])


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (b"[x] " + b"0" * 64 + b"\nabc\n", ":2"),
        (b"[x\n", ":1"),
        (b"[]\n", ":1"),
        (b"0123456789 one\n", ":1"),
        (b"[x] 0\n0123456789 \n", ":2"),
        (b"[x] 0\nzzzzzzzzzz one\n", ":2"),
        (b"[x] 0\n0123456789 one\n0123456789 one\n", ":3"),
        (b"[x] 0\n[x] 0\n", ":2"),
        (b"\xff\xfe", ""),
    ],
)
def test_a_malformed_lock_is_an_error(tmp_path, content, line):
    (tmp_path / "items.lock").write_bytes(content)
    with pytest.raises(DataError) as caught:
        item_lock.read_lock(tmp_path)
    assert caught.value.code is ErrorCode.INVALID_TASK_CARD and f"items.lock{line}" in str(caught.value)


def test_items_without_ids_are_identified_by_content():
    items = [replace(ITEM, id=str(i), question=f"question {i // 2}") for i in range(8)]
    locked = {item.id: canonical.short(item) for item in items}
    anonymous = [replace(item, id=f"row{place}") for place, item in enumerate(reversed(items))]
    assert item_lock.identify(anonymous, locked, "f") == items
    with pytest.raises(DataError) as caught:
        item_lock.identify([replace(ITEM, id="0", question="new")], locked, "f")
    assert caught.value.code is ErrorCode.DATA_CHANGED and str(caught.value).startswith("f: row 0 ")
