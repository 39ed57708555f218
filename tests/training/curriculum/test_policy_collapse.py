"""A collapsed policy is recognised, and noise is not mistaken for a collapse."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.curriculum.policy_collapse import WINDOW, find_collapse
from training.curriculum.zero_variance_groups import zero_variance_groups


def steps(rewards, clipped=0.0):
    return [{"step": n, "reward": r, "completions/clipped_ratio": clipped} for n, r in enumerate(rewards, 1)]


@pytest.mark.parametrize(
    ("logged", "values"),
    [
        (steps([0.5] * 10, clipped=0.31), ["31%", "last 10 steps", "token limit"]),
        (steps([0.6] * 10 + [0.1] * 10), ["0.600", "0.100"]),
    ],
)
def test_a_collapse_is_described_with_its_numbers(logged, values):
    assert all(value in find_collapse(logged) for value in values)
    assert find_collapse(logged[: WINDOW - 1]) is None


@pytest.mark.parametrize(
    "logged",
    [
        [],
        steps([0.5] * 10, clipped=0.3),
        steps([0.5] * 9 + [0.0]),
        steps([0.6] * 10 + [0.31] * 10),  # phase 2 draws harder prompts
        steps([0.08] * 10 + [0.0] * 10),  # a drop within the noise
        steps([0.9, 0.1] * 20),
    ],
)
def test_a_policy_that_has_not_collapsed(logged):
    assert find_collapse(logged) is None


def test_where_the_pool_is_mined_its_mean_rewards_decide():
    """A better policy is given harder prompts; the pool stays the same."""
    harder = steps([0.6] * 10 + [0.1] * 10)
    assert find_collapse(harder, [0.5, 0.7]) is None
    collapse = find_collapse(steps([0.6] * 20), [0.5, 0.6, 0.2])
    assert "0.500" in collapse and "0.200" in collapse


def test_noise_is_no_collapse():
    """2,000 steps of 16 prompts each, at several levels of the mean reward."""
    for level in (0.02, 0.1, 0.25, 0.5):
        rewards = np.random.default_rng(0).binomial(16, level, 2000) / 16
        logged = steps(rewards.tolist())
        assert not any(find_collapse(logged[:end]) for end in range(WINDOW, 2000, 7))


@given(st.lists(st.lists(st.sampled_from([0.0, 1.0]), min_size=4, max_size=4), min_size=1, max_size=9))
def test_zero_variance_groups_are_counted_by_their_reward(groups):
    shares = zero_variance_groups([reward for group in groups for reward in group], 4)
    assert shares.all_zero == pytest.approx(sum(group == [0.0] * 4 for group in groups) / len(groups))
    assert shares.all_one == pytest.approx(sum(group == [1.0] * 4 for group in groups) / len(groups))
