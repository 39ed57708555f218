"""Paired differences: Tango's interval by his own definition, tests by SciPy, statsmodels and all sign patterns."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import optimize, stats
from scipy.stats import binomtest
from statsmodels.stats.contingency_tables import mcnemar

from evalsuite.stats.bootstrap import percentile
from evalsuite.stats.clusters import cells, members
from evalsuite.stats.macro_average import combine
from evalsuite.stats.paired_difference import difference, effective_pairs, tango
from evalsuite.stats.permutation import SMALLEST, saddlepoint, sign_flip_test

TABLES = st.tuples(st.integers(0, 40), st.integers(0, 40), st.integers(0, 400)).filter(lambda t: sum(t) > 1)


def scores(only_a, only_b, rest):
    a = np.repeat([1.0, 0.0, 1.0], [only_a, only_b, rest])
    return a, np.repeat([0.0, 1.0, 1.0], [only_a, only_b, rest])


def by_likelihood(only_a, only_b, n, delta):
    """Tango's statistic, the nuisance share found by maximising the likelihood of the three counts numerically."""
    low, high = max(0.0, -delta) + 1e-12, (1 - delta) / 2 - 1e-12

    def loss(q):
        counts, chances = (only_a, only_b, n - only_a - only_b), (q + delta, q, 1 - 2 * q - delta)
        return -sum(count * math.log(max(chance, 1e-300)) for count, chance in zip(counts, chances, strict=True))

    q = optimize.minimize_scalar(loss, bounds=(low, high), method="bounded", options={"xatol": 1e-13}).x
    return (only_a - only_b - n * delta) / math.sqrt(n * (2 * q + delta * (1 - delta)))


@settings(max_examples=40)
@given(TABLES)
def test_the_ends_are_where_tangos_statistic_reaches_the_quantile(table):
    only_a, only_b, rest = table
    assume(only_a and only_b and rest)
    n, found = sum(table), tango(only_a, only_b, sum(table))
    assert by_likelihood(only_a, only_b, n, found.low) == pytest.approx(1.959963984540054, abs=1e-3)
    assert by_likelihood(only_a, only_b, n, found.high) == pytest.approx(-1.959963984540054, abs=1e-3)


@given(TABLES)
def test_the_interval_of_any_table_holds_the_difference_has_width_and_mirrors(table):
    (only_a, only_b, _), n = table, sum(table)
    found, mirrored = tango(only_a, only_b, n), tango(only_b, only_a, n)
    assert -1 <= found.low <= (only_a - only_b) / n <= found.high <= 1
    assert found.low < found.high
    assert (found.low, found.high) == pytest.approx((-mirrored.high, -mirrored.low), abs=1e-12)


def test_runs_without_discordant_items_have_an_interval_with_a_width():
    z2 = 1.959963984540054**2
    found = difference(*scores(0, 0, 500), [""] * 500)
    assert (found.value, found.p, found.discordance) == (0, 1, 0)
    assert (found.low, found.high) == pytest.approx((-z2 / (500 + z2), z2 / (500 + z2)), abs=1e-9)


@given(TABLES)
def test_with_one_sample_and_no_groups_the_test_is_mcnemars(table):
    only_a, only_b, rest = table
    found = difference(*scores(*table), [""] * sum(table))
    expected = mcnemar([[rest, only_a], [only_b, 0]], exact=True).pvalue if only_a + only_b else 1.0
    assert found.p == pytest.approx(max(expected, SMALLEST), abs=1e-12)
    assert (found.only_a, found.only_b, found.items) == (only_a, only_b, sum(table))


@settings(max_examples=60)
@given(st.lists(st.sampled_from([-1.0, -0.75, -0.5, 0.0, 0.25, 0.5, 1.0, 2.0]), min_size=1, max_size=11))
def test_the_exact_test_counts_all_sign_patterns(sums):
    found = np.array(sums)
    patterns = np.array(list(itertools.product([-1, 1], repeat=len(sums)))) @ np.abs(found)
    expected = np.mean(np.abs(patterns) >= abs(found.sum()) - 1e-9)
    assert sign_flip_test(found) == pytest.approx(expected, abs=1e-12)


def test_the_exact_test_is_scipys_permutation_test():
    rng = np.random.default_rng(0)
    a, b = rng.binomial(4, 0.7, 12) / 4, rng.binomial(4, 0.4, 12) / 4
    theirs = stats.permutation_test((a, b), lambda x, y: np.sum(x - y), permutation_type="samples", n_resamples=np.inf)
    assert sign_flip_test(a - b) == pytest.approx(theirs.pvalue, abs=1e-12)


def test_the_saddlepoint_is_close_to_all_sign_patterns_in_the_far_tail_too():
    rng = np.random.default_rng(1)
    for rotation in (0.1, 0.5, 1.0, 2.0):
        sizes = rng.normal(rotation, 1, 18)
        patterns = np.array(list(itertools.product([-1, 1], repeat=18))) @ np.abs(sizes)
        expected = np.mean(np.abs(patterns) >= abs(sizes.sum()) - 1e-12)
        assert sign_flip_test(sizes) == pytest.approx(expected, rel=0.08)


@settings(max_examples=50)
@given(st.integers(20, 3000), st.floats(0.02, 0.6))
def test_the_saddlepoint_follows_the_exact_binomial_test(discordant, lead):
    only_a = round(discordant * (1 + lead) / 2)
    exact = binomtest(only_a, discordant).pvalue
    assume(exact > 1e-11 and 2 * only_a < 2 * discordant)
    # Between its steps a lattice statistic's tail lies half a step from that of a continuous one's.
    less = binomtest(min(only_a + 1, discordant), discordant).pvalue
    found = saddlepoint(np.array([1.0]), np.array([float(discordant)]), 2.0 * only_a - discordant)
    assert less * 0.9 <= found <= exact * 1.1


def test_groups_and_samples_are_paid_for_and_paid_back():
    rng = np.random.default_rng(2)
    a, b = (rng.random((2, 400)) < 0.6).astype(float)
    alone = difference(a, b, [""] * 400)
    copied = difference(np.repeat(a, 3), np.repeat(b, 3), [str(i // 3) for i in range(1200)])
    assert copied[:3] == pytest.approx(alone[:3], abs=0.002)
    assert copied.p == pytest.approx(alone.p, abs=1e-12)
    more = rng.binomial(8, 0.6, (2, 400)) / 8
    assert effective_pairs(*more, members([""] * 400), samples=8) == pytest.approx(3200, rel=0.15)


def test_samples_are_worth_at_most_their_number():
    a, b = np.full(400, 0.5), np.full(400, 0.5)
    a[0] = 1.0
    assert effective_pairs(a, b, members([""] * 400), samples=2) == pytest.approx(800, rel=0.01)


def test_the_interval_agrees_with_the_bootstrap_where_there_is_much_data():
    rng = np.random.default_rng(3)
    a = (rng.random(4000) < 0.6).astype(float)
    b = np.where(rng.random(4000) < 0.2, 1 - a, a)
    groups = [f"g{i // 2}" if i < 1000 else "" for i in range(4000)]
    ours = difference(a, b, groups)
    theirs = percentile(cells(a - b, members(groups)), rng, 40_000)
    assert ours[1:3] == pytest.approx(theirs[1:], abs=0.0012)


def test_tasks_differences_add_up_as_independent_parts():
    one, other = difference(*scores(30, 10, 460), [""] * 500), difference(*scores(5, 20, 175), [""] * 200)
    found = combine([one.estimate, other.estimate], [0.5, 0.5])
    assert found.value == pytest.approx((0.04 - 0.075) / 2)
    assert found.value - found.low < max(one.value - one.low, other.value - other.low)
