"""The plateau rule: its bounds, its invariances, and how often noise makes it end a phase too early."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.curriculum.plateau import judge
from training.recipe_sections import Plateau

RULES = st.builds(
    Plateau, window=st.integers(1, 6), gain=st.sampled_from([0.02, 0.05, 0.25]), patience=st.integers(1, 3)
)
CURVES = st.lists(st.floats(0, 1), max_size=120)


def ended_at(rewards, rule):
    """Return the number of steps after which the rule ends a phase, or None."""
    ends = range(rule.window, len(rewards) + 1, rule.window)
    return next((end for end in ends if judge(rewards[:end], rule).ended), None)


@given(rewards=CURVES, rule=RULES)
def test_a_phase_ends_with_a_window_and_after_patience_windows_at_the_earliest(rewards, rule):
    end = ended_at(rewards, rule)
    if end is not None:
        assert end % rule.window == 0
        assert end // rule.window >= 1 + rule.patience
        assert not judge(rewards[: end - 1], rule).ended


@given(rewards=CURVES, more=CURVES, rule=RULES)
def test_the_decision_does_not_depend_on_later_rewards(rewards, more, rule):
    """A resumed run ends where it would have ended without the interruption."""
    end = ended_at(rewards, rule)
    if end is not None:
        assert ended_at([*rewards, *more], rule) == end
        assert judge([*rewards, *more], rule).ended


@given(rewards=CURVES, rule=RULES, offset=st.floats(-1, 1))
def test_adding_a_constant_to_all_rewards_changes_nothing(rewards, rule, offset):
    """Rewards and offset are multiples of 1/64, so that the additions are exact."""
    exact = [round(reward * 64) / 64 for reward in rewards]
    shifted = [reward + round(offset * 64) / 64 for reward in exact]
    assert ended_at(exact, rule) == ended_at(shifted, rule)


@given(rule=RULES, data=st.data())
def test_every_phase_ends_within_the_documented_bound(rule, data):
    """Each gain that counts raises the level by `gain`, and rewards are at most 1."""
    windows = math.ceil(1 + rule.patience * (1 + 1 / rule.gain))
    size = windows * rule.window
    seed = data.draw(st.integers(0, 2**32 - 1))
    jumps = np.random.default_rng(seed).choice([0, 0, 0.1, 1], size=size)
    curve = np.minimum(np.cumsum(jumps) * data.draw(st.sampled_from([0.01, 0.1])), 1)
    assert ended_at(curve.tolist(), rule) is not None


@given(level=st.floats(0, 1), rule=RULES)
def test_a_flat_curve_ends_after_patience_windows(level, rule):
    assert ended_at([level] * 40, rule) == (1 + rule.patience) * rule.window


@given(rule=RULES, faster=st.floats(1.001, 3))
def test_a_constant_rise_never_ends_although_no_window_rises_by_the_gain_over_the_one_before(rule, faster):
    slope = faster * rule.gain / rule.patience / rule.window
    assert ended_at([slope * step for step in range(300)], rule) is None


def test_a_dip_and_its_recovery_are_no_gain():
    rule = Plateau(window=1, gain=0.1, patience=3)
    assert ended_at([0.5, 0.6, 0.2, 0.6, 0.65], rule) == 5
    assert ended_at([0.5, 0.6, 0.2, 0.7, 0.65], rule) is None


def test_a_verdict_computed_by_hand():
    rule = Plateau(window=2, gain=0.1, patience=2)
    verdict = judge([0.1, 0.3, 0.3, 0.5, 0.4, 0.4, 0.45, 0.45, 0.9], rule)
    assert verdict == (True, 4, 0.4, 2, 0.45)  # windows .2, .4, .4, .45; the ninth step is in no window yet
    assert judge([], rule) == (False, 0, 0.0, 0, 0.0)


@pytest.mark.parametrize(("gain", "patience"), [(0.0, 1), (0.02, 2)])
def test_with_gain_0_any_rise_counts_as_better(gain, patience):
    rule = Plateau(window=1, gain=gain, patience=patience)
    assert ended_at([0.5] * 5, rule) == 1 + patience
    assert ended_at([0.1, 0.2, 0.3, 0.4, 0.5], rule) is None


def simulate(rise, rule, windows, seeds=200):
    """Return where noisy curves end; a step's mean is over 16 items with 8 completions, p differing by up to .3."""
    ends, steps = [], windows * rule.window
    for seed in range(seeds):
        generator = np.random.default_rng(seed)
        means = np.clip(0.3 + rise / rule.window * np.arange(steps), 0, 1)
        chances = np.clip(means[:, None] + generator.uniform(-0.3, 0.3, (steps, 16)), 0, 1)
        rewards = generator.binomial(8, chances).mean(axis=1) / 8
        ends.append(ended_at(rewards.tolist(), rule))
    return ends


def test_noise_seldom_ends_a_rising_curve_and_a_flat_one_ends_soon():
    """The standard error of a window's mean is .02 here, as large as the gain that the rule requires."""
    rule = Plateau(window=10, gain=0.02, patience=3)
    assert sum(end is not None for end in simulate(0.04, rule, 10)) <= 2
    assert sum(end is not None for end in simulate(0.03, rule, 10)) <= 6
    flat = simulate(0.0, rule, 40)
    assert all(flat)
    assert np.mean([end <= 70 for end in flat]) >= 0.9
