"""Values of model arguments are parsed as documented; any other text is an error that names the argument."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalsuite.errors import ErrorCode, UsageError
from evalsuite.models.model_args import parse_bool, parse_fraction, parse_positive_int, parse_seconds


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
