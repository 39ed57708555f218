"""Power: the table that the field's benchmarks have, statsmodels' formula, and simulation."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.stats.power import normal_power

from evalsuite.stats import power
from evalsuite.stats.paired_difference import tango

TABLE = [  # benchmark, items, detectable difference in points at discordance 0.10 and 0.20
    ("medbullets", 298, 5.1, 7.3),
    ("pubmedqa", 500, 4.0, 5.6),
    ("medqa", 1273, 2.5, 3.5),
    ("medxpertqa", 2450, 1.8, 2.5),
    ("medmcqa", 4183, 1.4, 1.9),
    ("careqa", 5621, 1.2, 1.7),
]


@pytest.mark.parametrize(("name", "items", "low", "high"), TABLE)
def test_the_table_of_detectable_differences(name, items, low, high):
    found = [round(100 * power.detectable(items, discordance), 1) for discordance in (0.1, 0.2)]
    assert found == [low, high], name


CASES = (st.floats(0.001, 0.2), st.integers(50, 20_000), st.floats(0.05, 0.5))


@given(*CASES)
def test_power_is_statsmodels_normal_power(difference, items, discordance):
    effect = difference / math.sqrt(discordance)
    theirs = normal_power(effect, items, 0.025, alternative="larger")
    assert power.power_at(difference, items, discordance) == pytest.approx(theirs, abs=1e-12)
    margin = normal_power(effect, items, 0.05, alternative="larger")
    assert power.noninferiority_power(difference, items, discordance) == pytest.approx(margin, abs=1e-12)


@given(*CASES)
def test_detectable_required_and_power_are_one_formula(difference, items, discordance):
    smallest = power.detectable(items, discordance)
    assert power.power_at(smallest, items, discordance) == pytest.approx(0.8)
    needed = power.required_items(difference, discordance)
    assert power.detectable(needed, discordance) <= difference * (1 + 1e-9)
    assert needed == 1 or power.detectable(needed - 1, discordance) > difference * (1 - 1e-6)


def test_no_difference_needs_no_end_of_items():
    assert power.required_items(0.0, 0.2) is None


@pytest.mark.parametrize(("items", "discordance"), [(298, 0.2), (1273, 0.15), (5621, 0.25)])
def test_the_paired_interval_finds_the_detectable_difference_as_often_as_promised(items, discordance):
    delta = power.detectable(items, discordance)
    rng = np.random.default_rng(0)
    shares = [(discordance + delta) / 2, (discordance - delta) / 2, 1 - discordance]
    draws = rng.multinomial(items, shares, 1500)
    found = np.mean([tango(a, b, items).low > 0 for a, b, _ in draws])
    assert found == pytest.approx(0.8, abs=0.04)
