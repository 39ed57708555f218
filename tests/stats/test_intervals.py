"""Intervals of one accuracy: agreement with SciPy and statsmodels, and what must hold for any data."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.proportion import proportion_confint

from evalsuite.stats.clusters import members
from evalsuite.stats.intervals import effective, jeffreys, mean, wilson

COUNTS = st.integers(1, 5000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


@given(COUNTS)
def test_wilson_is_scipys_and_statsmodels(counts):
    correct, n = counts
    estimate, expected = wilson(correct, n), stats.binomtest(correct, n).proportion_ci(0.95, method="wilson")
    assert estimate[1:] == pytest.approx((expected.low, expected.high), abs=1e-12)
    assert estimate[1:] == pytest.approx(proportion_confint(correct, n, method="wilson"), abs=1e-12)


@given(COUNTS)
def test_single_items_have_the_jeffreys_interval_of_statsmodels_and_the_exact_one_at_the_ends(counts):
    correct, n = counts
    found = mean((np.arange(n) < correct).astype(float), [""] * n)
    # At the ends all 5% are spent on the one side that there is.
    at_end = correct in (0, n)
    ends = proportion_confint(correct, n, 0.1 if at_end else 0.05, method="beta" if at_end else "jeffreys")
    assert found == pytest.approx((correct / n, *ends), abs=1e-12)


SCORES = st.lists(
    st.tuples(st.sampled_from([0.0, 0.25, 0.5, 1.0]), st.sampled_from(["", "a", "b", "c"])), min_size=1, max_size=60
)


@given(SCORES)
def test_the_interval_holds_the_mean_stays_inside_zero_and_one_and_is_never_a_point(items):
    scores = np.array([score for score, _ in items])
    found = mean(scores, [group for _, group in items], samples=4)
    assert 0 <= found.low <= found.value <= found.high <= 1
    assert found.low < found.high
    assert math.isclose(found.value, scores.mean())


@given(SCORES)
def test_wrong_mirrors_right(items):
    scores, groups = np.array([score for score, _ in items]), [group for _, group in items]
    right, wrong = mean(scores, groups, 4), mean(1 - scores, groups, 4)
    assert (right.low, right.high) == pytest.approx((1 - wrong.high, 1 - wrong.low), abs=1e-9)


def test_items_that_always_agree_count_as_one():
    rng = np.random.default_rng(3)
    base = rng.integers(0, 2, 200).astype(float)
    alone = mean(base, [""] * 200)
    copied = mean(np.repeat(base, 4), [str(n // 4) for n in range(800)])
    assert copied[1:] == pytest.approx(alone[1:], abs=0.001)


def test_samples_that_always_agree_add_nothing_and_independent_ones_all_they_can():
    rng = np.random.default_rng(4)
    member = members([""] * 2000)
    same = rng.integers(0, 2, 2000).astype(float)
    assert effective(same, member, samples=8) == pytest.approx(2000, rel=0.01)
    independent = rng.binomial(8, 0.5, 2000) / 8
    assert effective(independent, member, samples=8) == pytest.approx(16_000, rel=0.1)


def test_nothing_right_and_nothing_wrong_have_the_exact_one_sided_bound_over_clusters():
    bound = stats.binomtest(0, 50, alternative="less").proportion_ci(0.95, "exact").high
    assert mean(np.zeros(50), [""] * 50) == pytest.approx((0, 0, bound), abs=1e-12)
    assert mean(np.ones(50), [""] * 50) == pytest.approx((1, 1 - bound, 1), abs=1e-12)
    pairs = mean(np.zeros(50), [str(n // 2) for n in range(50)])
    assert pairs.high >= stats.binomtest(0, 25, alternative="less").proportion_ci(0.95, "exact").high - 1e-12


def test_no_items_and_one_cluster_give_very_wide_intervals():
    assert math.isnan(mean(np.array([]), []).value)
    assert mean(np.array([]), [])[1:] == (0, 1)
    lone = mean(np.array([1.0, 0.0, 1.0, 1.0]), ["a"] * 4)
    assert lone.high - lone.low > 0.7


@given(share=st.floats(0, 1), trials=st.floats(1, 1e6))
def test_jeffreys_takes_any_share_of_any_number_of_trials(share, trials):
    found = jeffreys(share, trials)
    assert 0 <= found.low <= found.value <= found.high <= 1
    assert not any(math.isnan(end) for end in found)
