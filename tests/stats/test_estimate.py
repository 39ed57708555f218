"""Intervals: agreement with SciPy where it has the estimator, and with brute force where it hasn't."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from evalsuite.stats.estimate import macro, mean, replicates, wilson


@given(n=st.integers(1, 5000), share=st.floats(0, 1))
def test_wilson_is_scipys(n, share):
    correct = round(share * n)
    ours, theirs = wilson(correct, n), stats.binomtest(correct, n).proportion_ci(0.95, method="wilson")
    assert ours.low == pytest.approx(theirs.low, abs=1e-12)
    assert ours.high == pytest.approx(theirs.high, abs=1e-12)


def test_replicates_have_the_distribution_of_a_resampling_done_one_cluster_at_a_time():
    rng = np.random.default_rng(1)
    scores = rng.integers(0, 2, 60).astype(float)
    groups = [f"g{n // 3}" if n < 30 else "" for n in range(60)]
    fast = replicates(scores, groups, np.random.default_rng(2), 20_000)
    clusters = [[n for n in range(60) if groups[n] == g] for g in dict.fromkeys(groups) if g]
    clusters += [[n] for n in range(60) if not groups[n]]
    slow = []
    for _ in range(20_000):
        drawn = [n for c in rng.integers(0, len(clusters), len(clusters)) for n in clusters[c]]
        slow.append(scores[drawn].mean())
    assert stats.ks_2samp(fast, slow).pvalue > 0.001
    assert np.std(fast) == pytest.approx(np.std(slow), rel=0.03)


@settings(max_examples=50, deadline=None)
@given(scores=st.lists(st.sampled_from([0.0, 0.25, 0.5, 1.0]), min_size=2, max_size=80))
def test_the_interval_holds_the_mean_and_stays_inside_zero_and_one(scores):
    found, _ = mean(np.array(scores), [""] * len(scores), np.random.default_rng(0))
    assert 0 <= found.low <= found.value <= found.high <= 1
    assert found.low < found.high or len(set(scores)) == 1


def test_items_that_always_agree_widen_the_interval_as_if_they_were_one():
    rng = np.random.default_rng(3)
    base = rng.integers(0, 2, 100).astype(float)
    alone, _ = mean(base, [""] * 100, np.random.default_rng(0))
    copied, _ = mean(np.repeat(base, 4), [str(n // 4) for n in range(400)], np.random.default_rng(0))
    assert copied.high - copied.low == pytest.approx(alone.high - alone.low, abs=0.011)


def test_nothing_right_still_has_an_interval_with_width():
    found, _ = mean(np.zeros(50), [""] * 50, np.random.default_rng(0))
    assert (found.value, found.low) == (0, 0)
    assert found.high == pytest.approx(stats.binomtest(0, 50).proportion_ci(method="exact").high)


@pytest.mark.parametrize(("n", "share"), [(200, 0.6), (1273, 0.2), (1273, 0.93)])
def test_the_interval_covers_the_truth_as_often_as_it_says(n, share):
    rng = np.random.default_rng(4)
    covered = 0
    for _ in range(1000):
        found, _ = mean((rng.random(n) < share).astype(float), [""] * n, rng)
        covered += found.low <= share <= found.high
    assert 0.93 <= covered / 1000 <= 0.97


def test_macro_weighs_tasks_the_same_and_is_narrower_than_its_parts():
    rng = np.random.default_rng(5)
    parts = [mean((rng.random(n) < 0.5).astype(float), [""] * n, rng) for n in (100, 100, 4000)]
    average = macro([e.value for e, _ in parts], [means for _, means in parts])
    assert average.value == pytest.approx(np.mean([e.value for e, _ in parts]))
    variance = sum(np.var(means) for _, means in parts) / 9
    assert average.high - average.low == pytest.approx(2 * 1.96 * variance**0.5, rel=0.05)
