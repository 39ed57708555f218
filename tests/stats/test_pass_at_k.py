"""Repeated samples: estimators compared with counts over all subsets, variances with the simulated process."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalsuite.stats.intervals import mean
from evalsuite.stats.pass_at_k import average, majority, pass_at


@given(st.integers(1, 8).flatmap(lambda k: st.tuples(st.just(k), st.integers(0, k), st.integers(1, k))))
def test_pass_at_j_is_the_share_of_subsets_of_j_answers_that_hold_a_right_one(case):
    k, right, j = case
    answers = [1] * right + [0] * (k - right)
    expected = np.mean([any(chosen) for chosen in itertools.combinations(answers, j)])
    assert pass_at(np.array([right]), k)[0, j - 1] == pytest.approx(expected, abs=1e-12)


def test_pass_at_does_not_overflow_and_never_falls():
    every = pass_at(np.array([0, 7, 10_000]), 10_000)
    assert 0.49 < every[1, 999] < 0.53 and every[1, -1] == 1
    assert (np.diff(every, axis=1) >= 0).all() and not every[0].any() and every[2].all()


def test_pass_at_1_is_avg_at_k():
    right = np.array([0, 1, 3, 4])
    assert pass_at(right, 4)[:, 0] == pytest.approx(right / 4)


@pytest.mark.parametrize(
    ("votes", "gold", "correct"),
    [
        (["A", "A", "B"], "A", 1),
        (["A", "B", "B"], "A", 0),
        (["A", "B"], "A", 0),
        (["A", "B"], {"A", "B"}, 1),
        (["A", "B", "C"], {"A", "B"}, 0),
        (["A", None, None], "A", 1),
        ([None, None], "A", 0),
        ([], "A", 0),
        (["10", "10", "1"], "10", 1),
    ],
)
def test_the_majority_is_right_only_if_every_label_that_ties_is_gold(votes, gold, correct):
    assert majority([votes], [gold]).tolist() == [correct]


def test_the_two_parts_of_the_variance_are_those_of_the_process():
    rng = np.random.default_rng(0)
    n, k, found, means = 300, 4, [], []
    for _ in range(400):
        chance = rng.beta(2, 1, n)
        correct = (rng.random((n, k)) < chance[:, None]).astype(float)
        found.append(average(correct, [""] * n))
        means.append(correct.mean())
    items, samples = np.mean([f.items for f in found]), np.mean([f.samples for f in found])
    # Beta(2, 1): variance 1/18, and E[p(1 - p)] = 1/6.
    assert items == pytest.approx(1 / 18 / n, rel=0.03)
    assert samples == pytest.approx(1 / 6 / (n * k), rel=0.03)
    assert items + samples == pytest.approx(np.var(means), rel=0.25)


def test_the_rerun_interval_covers_what_the_same_items_give_in_the_long_run():
    rng = np.random.default_rng(1)
    chance, covered = rng.beta(2, 1, 200), 0
    for _ in range(600):
        rerun = average((rng.random((200, 4)) < chance[:, None]).astype(float), [""] * 200).rerun
        covered += rerun.low <= chance.mean() <= rerun.high
    assert 0.93 <= covered / 600 <= 0.97


def test_with_one_sample_per_item_the_parts_of_the_variance_are_unknown():
    correct = np.array([[1.0], [0.0], [1.0]])
    found = average(correct, ["", "", ""])
    assert np.isnan([found.items, found.samples, found.rerun.low, found.rerun.high]).all()
    assert found.estimate == mean(correct[:, 0], ["", "", ""])


def test_a_model_without_randomness_would_score_the_same_again():
    correct = np.repeat([[1.0], [0.0]], 4, axis=1)
    found = average(correct, ["", ""])
    assert found.rerun == (0.5, 0.5, 0.5)
    assert found.samples == 0
