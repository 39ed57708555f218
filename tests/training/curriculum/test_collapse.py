"""When a policy is lost: named with its number, and not taken for noise."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from training.curriculum.collapse import WINDOW, collapsed
from training.curriculum.zero_variance import zero_variance_groups


def steps(rewards, clipped=0.0):
    return [{"step": n, "reward": r, "completions/clipped_ratio": clipped} for n, r in enumerate(rewards, 1)]


@pytest.mark.parametrize(
    ("logged", "said"),
    [
        (steps([0.5] * 10, clipped=0.31), "31% of the completions of the last 10 steps"),
        (steps([0.6] * 10 + [0.1] * 10), "fell from 0.600 to 0.100"),
    ],
)
def test_what_is_lost_is_said(logged, said):
    assert said in collapsed(logged)
    assert collapsed(logged[: WINDOW - 1]) is None


@pytest.mark.parametrize(
    "logged",
    [
        [],
        steps([0.5] * 10, clipped=0.3),
        steps([0.5] * 9 + [0.0]),
        steps([0.6] * 10 + [0.31] * 10),  # harder prompts are drawn in phase 2
        steps([0.08] * 10 + [0.0] * 10),  # too little to lose
        steps([0.9, 0.1] * 20),
    ],
)
def test_what_is_not_lost(logged):
    assert collapsed(logged) is None


def test_where_the_pool_is_mined_its_means_count():
    """What is drawn gets harder by the policy's own success; the pool stays the same."""
    harder = steps([0.6] * 10 + [0.1] * 10)
    assert collapsed(harder, [0.5, 0.7]) is None
    assert "fell from 0.500 to 0.200" in collapsed(steps([0.6] * 20), [0.5, 0.6, 0.2])


def test_noise_is_no_collapse():
    """Steps of 16 prompts' means, at any level, 2,000 steps long."""
    for level in (0.02, 0.1, 0.25, 0.5):
        rewards = np.random.default_rng(0).binomial(16, level, 2000) / 16
        logged = steps(rewards.tolist())
        assert not any(collapsed(logged[:end]) for end in range(WINDOW, 2000, 7))


@settings(deadline=None)
@given(st.lists(st.lists(st.sampled_from([0.0, 1.0]), min_size=4, max_size=4), min_size=1, max_size=9))
def test_dead_groups_are_counted_by_what_they_were_paid(groups):
    found = zero_variance_groups([reward for group in groups for reward in group], 4)
    assert found.zero == pytest.approx(sum(group == [0.0] * 4 for group in groups) / len(groups))
    assert found.one == pytest.approx(sum(group == [1.0] * 4 for group in groups) / len(groups))
