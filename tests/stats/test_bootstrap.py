"""The bootstrap by counts is the bootstrap: against resampling one cluster at a time, and against SciPy's."""

import numpy as np
import pytest
from scipy import stats

from evalsuite.stats.bootstrap import acceleration, bca, percentile, replicates
from evalsuite.stats.clusters import cells, members


def grouped(seed=1, n=60):
    rng = np.random.default_rng(seed)
    return rng.integers(0, 2, n).astype(float), members([f"g{i // 3}" if i < n // 2 else "" for i in range(n)])


def test_replicates_have_the_distribution_of_a_resampling_done_one_cluster_at_a_time():
    scores, member = grouped()
    rng = np.random.default_rng(1)
    fast = replicates(cells(scores, member), np.random.default_rng(2), 20_000)
    clusters = [np.flatnonzero(member == c) for c in range(member.max() + 1)]
    slow = [
        scores[np.concatenate([clusters[c] for c in rng.integers(0, len(clusters), len(clusters))])].mean()
        for _ in range(20_000)
    ]
    assert stats.ks_2samp(fast, slow).pvalue > 0.001
    assert np.std(fast) == pytest.approx(np.std(slow), rel=0.03)


@pytest.mark.parametrize(("ours", "method"), [(percentile, "percentile"), (bca, "BCa")])
def test_single_items_have_scipys_intervals_up_to_the_noise_of_resampling(ours, method):
    scores = np.random.default_rng(3).beta(0.5, 0.2, 70).round(2)
    theirs = stats.bootstrap((scores,), np.mean, n_resamples=40_000, method=method, rng=np.random.default_rng(4))
    found = ours(cells(scores, members([""] * 70)), np.random.default_rng(5), 40_000)
    noise = 0.02 * theirs.standard_error
    assert found.low == pytest.approx(theirs.confidence_interval.low, abs=3 * noise)
    assert found.high == pytest.approx(theirs.confidence_interval.high, abs=3 * noise)


def test_the_acceleration_is_the_jackknifes_over_clusters():
    scores, member = grouped(6)
    left_out = np.array([scores[member != c].mean() for c in range(member.max() + 1)])
    away = left_out.mean() - left_out
    expected = (away**3).sum() / (6 * (away**2).sum() ** 1.5)
    assert acceleration(cells(scores, member)) == pytest.approx(expected, abs=1e-12)


def test_a_paired_difference_is_the_bootstrap_of_the_items_differences():
    rng = np.random.default_rng(7)
    a, b = (rng.random((2, 80)) < 0.6).astype(float)
    weights = np.random.default_rng(8).multinomial(80, np.full(80, 1 / 80), 20_000) / 80
    fast = replicates(cells(a - b, members([""] * 80)), np.random.default_rng(9), 20_000)
    slow = weights @ a - weights @ b
    assert stats.ks_2samp(fast.round(9), slow.round(9)).pvalue > 0.001


@pytest.mark.parametrize("score", [0.0, 1.0])
def test_where_nothing_varies_there_is_no_width_and_no_failure(score):
    found = cells(np.full(20, score), members([""] * 20))
    for interval in (percentile, bca):
        assert interval(found, np.random.default_rng(0)) == (score, score, score)


def test_one_cluster_does_not_fail():
    found = cells(np.array([1.0, 0.0]), members(["a", "a"]))
    assert bca(found, np.random.default_rng(0)) == (0.5, 0.5, 0.5)
