"""The guard finds every number that a reader changes."""

import pytest

from training.corpora.digits import changed_digits, digit_strings


def test_digit_strings_are_counted():
    assert digit_strings("10 mg, then 20 mg, 10⁹/L, H₂O, 2½, 1.73") == {
        **{"10": 2, "20": 1, "⁹": 1, "₂": 1, "2": 1, "½": 1, "1": 1, "73": 1}
    }


@pytest.mark.parametrize(
    ("source", "text", "dropped"),
    [
        ("", "", ""),
        ("10 9 /L", "10^9/L", ""),
        ("a 1, b 2", "b 2, a 1", ""),
        ("20 mg [3]", "20 mg", "3"),
        ("5 5 5", "5 5", "5"),
        ("no number", "another text", ""),
    ],
)
def test_equal_numbers_pass(source, text, dropped):
    assert changed_digits(source, text, dropped) is None


@pytest.mark.parametrize(
    ("source", "text", "dropped"),
    [
        ("10 9 /L", "109/L", ""),
        ("2–4 g", "24 g", ""),
        ("10 mg 10 mg", "10 mg", ""),
        ("10 mg", "10 mg 10 mg", ""),
        ("20 mg", "20 mg", "3"),
        ("10⁹/L", "109/L", ""),
        ("5 m²", "5 m", ""),
        ("2½", "2", ""),
        ("٣ mg", "mg", ""),
    ],
)
def test_a_changed_number_is_found(source, text, dropped):
    assert changed_digits(source, text, dropped)


def test_what_changed_is_named_in_one_short_line():
    changed = changed_digits(" ".join(map(str, range(1000))), "7777")
    assert changed is not None
    assert "7777" in changed
    assert len(changed) < 100
