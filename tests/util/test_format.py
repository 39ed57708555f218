"""How numbers are printed: as readers expect them, and rounded on the safe side."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalsuite.util.format import interval, p_value, percent, points, points_interval, rough_count


@pytest.mark.parametrize(("p", "text"), [(0.00001, "< 0.001"), (0.0444, "0.044"), (1.0, "1.000")])
def test_p_values_have_three_decimals(p, text):
    assert p_value(p) == text


def test_a_missing_share_is_a_dash_and_never_zero():
    assert percent(None) == "–" and percent(0.0) == "0.0" and percent(0.12345, 2) == "12.35"


def test_a_negative_difference_has_a_minus_sign_and_not_a_hyphen():
    assert points(0.012) == "+1.2" and points(-0.012) == "−1.2"
    assert points_interval(-0.01, -0.03, 0.01) == "−1.0 [−3.0, +1.0]"
    assert interval(0.5, 0.4, 0.6) == "50.0 [40.0, 60.0]"


@given(st.integers(1, 10**12))
def test_a_rough_count_is_never_less_and_at_most_a_tenth_more(count):
    rounded = int(rough_count(count).replace(",", ""))
    assert count <= rounded <= count * 1.1 and len(str(rounded).rstrip("0")) <= 2
