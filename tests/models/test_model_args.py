"""Values of model arguments are parsed as documented; any other text is an error that names the argument."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalsuite.errors import ErrorCode, UsageError
from evalsuite.models.model_args import (
    parse_bool,
    parse_fraction,
    parse_positive_int,
    parse_seconds,
    parse_yaml_value,
)


@given(st.integers(1))
def test_positive_integers_are_parsed(number):
    assert parse_positive_int(str(number), "key") == number


@given(st.floats(0, 1, exclude_min=True))
def test_fractions_and_seconds_are_parsed(number):
    assert parse_fraction(repr(number), "key") == number
    assert parse_seconds(repr(number), "key") == number


def test_booleans_are_parsed_in_any_case():
    assert parse_bool("True", "key") is True and parse_bool("FALSE", "key") is False


@pytest.mark.parametrize(
    ("parse", "values"),
    [
        (parse_bool, ["", "1", "yes"]),
        (parse_positive_int, ["", "0", "-1", "+1", "1.5", "1_0", " 1", "١"]),
        (parse_fraction, ["", "0", "1.01", "nan", "-1", "half"]),
        (parse_seconds, ["", "0", "inf", "nan", "-1", "soon"]),
    ],
)
def test_other_values_are_errors_that_name_the_argument(parse, values):
    for value in values:
        with pytest.raises(UsageError) as caught:
            parse(value, "key")
        assert caught.value.code is ErrorCode.INVALID_ARGUMENT
        assert f"`model_args` key={value}" in str(caught.value)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a: b: c", "a: b: c"),
        ("note: x", "note: x"),
        ("http://host:80/v1", "http://host:80/v1"),
        ("1:20:30", "1:20:30"),
        ("2026-01-31", "2026-01-31"),
        ("2026-02-31", "2026-02-31"),
        ("- x", "- x"),
        ("*alias", "*alias"),
        ("!tag", "!tag"),
        ("# no comment", "# no comment"),
        ("", ""),
        ("high", "high"),
        ("'7'", "7"),
        ("7", 7),
        ("-0.5", -0.5),
        ("1e-3", "1e-3"),
        ("true", True),
        ("null", None),
        ("[1, two]", [1, "two"]),
        ("{a: 1, b: {c: x}}", {"a": 1, "b": {"c": "x"}}),
    ],
)
def test_a_value_of_an_inspect_provider_is_yaml_or_the_text_itself(text, value):
    assert parse_yaml_value(text, "key") == value


@pytest.mark.parametrize("text", ["[1", "{a: b: c}", "[" * 5000, "[&a 1, *a]", "{a: !!set {x}}", "x" * 20_000])
def test_a_value_of_an_inspect_provider_that_is_neither_is_refused_in_one_line(text):
    with pytest.raises(UsageError) as caught:
        parse_yaml_value(text, "key")
    assert caught.value.code is ErrorCode.INVALID_ARGUMENT and "\n" not in str(caught.value)
