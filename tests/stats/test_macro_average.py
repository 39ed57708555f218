"""Averages over tasks: weights, missing tasks, and Newcombe's interval as a special case."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.stats.proportion import confint_proportions_2indep

from evalsuite.stats.intervals import Estimate, jeffreys, mean, wilson
from evalsuite.stats.macro_average import combine, macro, micro
from evalsuite.stats.published_difference import published_difference

SHARES = st.lists(st.tuples(st.floats(0, 1), st.integers(5, 5000)), min_size=1, max_size=8)


@given(st.integers(0, 200), st.integers(0, 300))
def test_two_wilson_intervals_give_the_newcombe_interval_of_statsmodels(one, other):
    difference = combine([wilson(one, 200), wilson(other, 300)], [1, -1])
    expected = confint_proportions_2indep(one, 200, other, 300, method="newcomb", compare="diff")
    assert difference[1:] == pytest.approx(expected, abs=1e-12)


@given(SHARES)
def test_an_average_is_the_average_inside_its_interval_and_inside_zero_and_one(shares):
    parts = [jeffreys(value, n) for value, n in shares]
    counts = [n for _, n in shares]
    values = [value for value, _ in shares]
    for average, value in (
        (macro(parts), np.mean(values)),
        (micro(parts, counts), np.average(values, weights=counts)),
    ):
        assert average.value == pytest.approx(value)
        assert -1e-12 <= average.low <= average.value <= average.high <= 1 + 1e-12


def test_a_missing_task_makes_the_average_missing():
    present = Estimate(0.5, 0.4, 0.6)
    assert macro([present, None]) is None
    assert micro([present, None], [10, 20]) is None
    assert macro([]) is None
    assert macro([present]) == present


def test_many_tasks_of_one_kind_narrow_the_average_by_the_root_of_their_number():
    part = jeffreys(0.5, 400)
    average = macro([part] * 16)
    assert average.high - average.low == pytest.approx((part.high - part.low) / 4, rel=1e-9)


def test_a_task_that_is_all_right_keeps_its_width_in_the_average():
    all_right = mean(np.ones(40), [""] * 40)
    alone, average = 1 - all_right.low, macro([all_right, Estimate(0.5, 0.5, 0.5)])
    assert average.value - average.low == pytest.approx(alone / 2)


def test_a_published_value_adds_its_own_error():
    measured = mean((np.arange(1273) < 900).astype(float), [""] * 1273)
    difference = published_difference(measured, jeffreys(0.6, 298))
    assert difference.value == pytest.approx(900 / 1273 - 0.6)
    expected = confint_proportions_2indep(900, 1273, 0.6 * 298, 298, method="newcomb", compare="diff")
    assert difference[1:] == pytest.approx(expected, abs=0.002)
    wider = published_difference(measured, jeffreys(0.6, 100))
    assert wider.low < difference.low < difference.high < wider.high
