"""The rule that ends a phase: what it must never do, what it must always do, and how often noise deceives it."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from training.curriculum.plateau import ended_at, judge
from training.recipe import Plateau

RULES = st.builds(
    Plateau, window=st.integers(1, 6), gain=st.sampled_from([0.02, 0.05, 0.25]), patience=st.integers(1, 3)
)
CURVES = st.lists(st.floats(0, 1), max_size=120)


@settings(deadline=None)
@given(rewards=CURVES, rule=RULES)
def test_it_ends_only_where_a_window_does_and_only_after_as_many_as_it_is_patient(rewards, rule):
    end = ended_at(rewards, rule)
    if end is not None:
        assert end % rule.window == 0
        assert end // rule.window >= 1 + rule.patience
        assert not judge(rewards[: end - 1], rule).ended


@settings(deadline=None)
@given(rewards=CURVES, more=CURVES, rule=RULES)
def test_it_needs_nothing_of_what_comes_later(rewards, more, rule):
    """So that a run which goes on from a checkpoint ends where it would have ended."""
    end = ended_at(rewards, rule)
    if end is not None:
        assert ended_at([*rewards, *more], rule) == end
        assert judge([*rewards, *more], rule).ended


@settings(deadline=None)
@given(rewards=CURVES, rule=RULES, rotation=st.floats(-1, 1))
def test_only_differences_count(rewards, rule, rotation):
    """As far as rounding goes: rewards are moved by a power of two's multiple."""
    exact = [round(reward * 64) / 64 for reward in rewards]
    moved = [reward + round(rotation * 64) / 64 for reward in exact]
    assert ended_at(exact, rule) == ended_at(moved, rule)


@settings(deadline=None)
@given(rule=RULES, data=st.data())
def test_no_curve_goes_on_for_ever(rule, data):
    """Each gain that counts lifts the level by `gain`, and rewards end at 1."""
    windows = math.ceil(1 + rule.patience * (1 + 1 / rule.gain))
    size = windows * rule.window
    seed = data.draw(st.integers(0, 2**32 - 1))
    jumps = np.random.default_rng(seed).choice([0, 0, 0.1, 1], size=size)
    curve = np.minimum(np.cumsum(jumps) * data.draw(st.sampled_from([0.01, 0.1])), 1)
    assert ended_at(curve.tolist(), rule) is not None


@settings(deadline=None)
@given(level=st.floats(0, 1), rule=RULES)
def test_a_flat_curve_ends_at_once(level, rule):
    assert ended_at([level] * 40, rule) == (1 + rule.patience) * rule.window


@settings(deadline=None)
@given(rule=RULES, faster=st.floats(1.001, 3))
def test_a_steady_rise_never_ends_though_no_window_rises_enough_over_the_one_before(rule, faster):
    slope = faster * rule.gain / rule.patience / rule.window
    assert ended_at([slope * step for step in range(300)], rule) is None


def test_a_dip_and_its_recovery_are_no_gain():
    rule = Plateau(window=1, gain=0.1, patience=3)
    assert ended_at([0.5, 0.6, 0.2, 0.6, 0.65], rule) == 5
    assert ended_at([0.5, 0.6, 0.2, 0.7, 0.65], rule) is None


def test_by_hand():
    rule = Plateau(window=2, gain=0.1, patience=2)
    verdict = judge([0.1, 0.3, 0.3, 0.5, 0.4, 0.4, 0.45, 0.45, 0.9], rule)
    assert verdict == (True, 4, 0.4, 2, 0.45)  # windows .2, .4, .4, .45; the ninth step is in none yet
    assert str(verdict).startswith("mean reward 0.450 in window 4, and none of the last 2 windows")
    assert judge([], rule) == (False, 0, 0.0, 0, 0.0)


@pytest.mark.parametrize(("gain", "patience"), [(0.0, 1), (0.02, 2)])
def test_gain_0_asks_for_a_rise_at_least(gain, patience):
    rule = Plateau(window=1, gain=gain, patience=patience)
    assert ended_at([0.5] * 5, rule) == 1 + patience
    assert ended_at([0.1, 0.2, 0.3, 0.4, 0.5], rule) is None


def simulated(rise, rule, windows, seeds=200):
    """Where noisy curves end: each step's mean is over 16 items, of chances up to .3 apart, with 8 completions each."""
    found, steps = [], windows * rule.window
    for seed in range(seeds):
        generator = np.random.default_rng(seed)
        means = np.clip(0.3 + rise / rule.window * np.arange(steps), 0, 1)
        chances = np.clip(means[:, None] + generator.uniform(-0.3, 0.3, (steps, 16)), 0, 1)
        rewards = generator.binomial(8, chances).mean(axis=1) / 8
        found.append(ended_at(rewards.tolist(), rule))
    return found


def test_noise_on_a_rising_curve_seldom_ends_it_and_a_flat_one_ends_soon():
    """A window's mean has a standard error of .02 here, which is as much as the gain that is asked for."""
    rule = Plateau(window=10, gain=0.02, patience=3)
    assert sum(end is not None for end in simulated(0.04, rule, 10)) <= 2
    assert sum(end is not None for end in simulated(0.03, rule, 10)) <= 6
    flat = simulated(0.0, rule, 40)
    assert all(flat)
    assert np.mean([end <= 70 for end in flat]) >= 0.9
