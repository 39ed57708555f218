"""Keys of other files name options by label, text, letter, number or numeral; all of them together show which."""

import pytest

from evalsuite.tasks.item import Item
from evalsuite.tasks.option_labels import labels_by_place, learn_key_reading

ITEMS = tuple(Item(f"i{n}", "?", ("10", "2", "3", "x"), tuple("ABCD"), "ABCD"[n % 4]) for n in range(8))


@pytest.mark.parametrize(
    ("keys", "name"),
    [
        ("ABCD", "labels"), ("abcd", "labels"), (("(A)", "B.", "C:", "**D**"), "labels"),
        (("10", "2", "3", "x"), "option texts"), ("1234", "numbers from 1"),
        ("0123", "numbers from 0"), (("0.0", "1.0", "2.0", "3.0"), "numbers from 0"),
        (("I", "II", "III", "IV"), "roman numerals"), (("i", "ii", "iii", "iv"), "roman numerals"),
    ],
)  # fmt: skip
def test_all_keys_together_show_how_they_are_meant(keys, name):
    pairs = [(keys["ABCD".index(item.gold)], item) for item in ITEMS]
    reading = learn_key_reading(pairs)
    assert reading.name == name
    assert all(reading.label_of(key, item) == item.gold for key, item in pairs)


def test_a_revised_key_changes_nothing_about_the_others():
    pairs = [(str("ABCD".index(item.gold) + 1), item) for item in ITEMS]
    pairs[0] = ("4", pairs[0][1])
    reading = learn_key_reading(pairs)
    assert reading.name == "numbers from 1" and reading.label_of(*pairs[0]) == "D"


def test_a_key_that_names_no_option_has_no_label():
    reading = learn_key_reading([("A", ITEMS[0])])
    assert [reading.label_of(key, ITEMS[0]) for key in ("", "E", "AB", "none")] == [None] * 4


def test_letters_of_an_item_that_has_other_labels_are_read_by_place():
    items = [Item(f"i{n}", "?", ("yes", "no"), ("yes", "no"), ("yes", "no")[n % 2]) for n in range(4)]
    reading = learn_key_reading([("AB"[n % 2], item) for n, item in enumerate(items)])
    assert (reading.name, reading.label_of("b", items[0])) == ("letters", "no")
    assert (
        learn_key_reading([("ba"[n % 2], item) for n, item in enumerate(items)], ("b", "a")).name
        == "the prompt's labels"
    )


def test_ways_with_too_few_labels_are_left_out():
    assert labels_by_place(4)["roman numerals"] == ("I", "II", "III", "IV")
    assert labels_by_place(12)["lower-case roman numerals"][-1] == "xii"
    assert set(labels_by_place(30)) == {"numbers from 0", "numbers from 1"}
