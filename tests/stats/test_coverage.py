"""Intervals cover as often as they state: by enumeration where outcomes can be listed, by simulation where they can't.

A simulated coverage of 2,000 data sets has a standard error of half a point; the bands are 94 to 96%, and two standard
errors where the number is simulated.
"""

import numpy as np
import pytest
from scipy import stats

from evalsuite.stats.bootstrap import bca, percentile
from evalsuite.stats.clusters import cells
from evalsuite.stats.intervals import mean
from evalsuite.stats.macro_average import macro
from evalsuite.stats.paired_difference import difference, tango
from evalsuite.stats.pass_at_k import average

SIZES, SHARES = (50, 200, 1273, 5621), (0.2, 0.6, 0.93)
CELLS = [pytest.param(n, share, id=f"{n}-{share}") for n in SIZES for share in SHARES]
DESIGNS = {"few triples": ([1] * 9 + [3], 0.8), "pairs": ([2], 0.5)}
NOISE = 0.01


def layout(n, design):
    sizes, correlation = DESIGNS[design]
    return np.repeat(np.arange(n), np.resize(sizes, n))[:n], (1 - correlation) / correlation


def covers(estimate, truth):
    return estimate.low <= truth <= estimate.high


def conservative(n, share):
    """Whether data without one wrong item come up in more than 2.5% of cases: then no interval can be less cautious."""
    return n * (1 - share) < 5


@pytest.mark.parametrize(("n", "share"), CELLS)
def test_the_accuracy_of_single_items(n, share):
    chances, alone, covered = stats.binom.pmf(np.arange(n + 1), n, share), np.arange(n), 0.0
    for right in np.flatnonzero(chances > 1e-7):
        covered += chances[right] * covers(mean((alone < right).astype(float), alone), share)
    assert 0.94 <= covered <= 0.96


@pytest.mark.parametrize("design", DESIGNS)
@pytest.mark.parametrize(("n", "share"), CELLS)
def test_the_accuracy_of_items_in_groups(n, share, design):
    assert_grouped(n, share, design, mean, 500, 3 * NOISE)


@pytest.mark.integration
@pytest.mark.parametrize("design", DESIGNS)
@pytest.mark.parametrize(("n", "share"), CELLS)
def test_the_accuracy_of_items_in_groups_2000_times(n, share, design):
    assert_grouped(n, share, design, mean, 2_000, NOISE)


@pytest.mark.integration
@pytest.mark.parametrize("method", [percentile, bca])
@pytest.mark.parametrize(("n", "share"), [(1273, 0.2), (1273, 0.6), (1273, 0.93)])
def test_the_bootstrap_covers_too_where_there_are_many_items(n, share, method):
    rng = np.random.default_rng(1)
    assert_grouped(n, share, "pairs", lambda scores, member: method(cells(scores, member), rng), 2_000, NOISE)


def assert_grouped(n, share, design, interval, data_sets, slack):
    rng = np.random.default_rng([n, round(100 * share)])
    member, scale = layout(n, design)
    covered = 0
    for _ in range(data_sets):
        chance = rng.beta(share * scale, (1 - share) * scale, member.max() + 1)
        covered += covers(interval((rng.random(n) < chance[member]).astype(float), member), share)
    assert 0.94 - slack <= covered / data_sets <= (0.99 if conservative(n, share) else 0.96 + slack)


@pytest.mark.parametrize("n", [50, 200, 1273])
@pytest.mark.parametrize(("discordance", "delta"), [(0.1, 0.0), (0.1, 0.03), (0.2, 0.0), (0.2, 0.03), (0.2, -0.1)])
def test_the_difference_of_single_items(n, discordance, delta):
    shares = [(discordance + delta) / 2, (discordance - delta) / 2, 1 - discordance]
    a, b = (grid.ravel() for grid in np.meshgrid(np.arange(n // 2), np.arange(n // 2)))
    a, b = a[a + b <= n], b[a + b <= n]
    chances = stats.multinomial.pmf(np.column_stack([a, b, n - a - b]), n, shares)
    kept = chances > 1e-6
    covered = sum(
        chance * covers(tango(x, y, n), delta) for x, y, chance in zip(a[kept], b[kept], chances[kept], strict=True)
    )
    # Where five discordant items are expected, steps are coarse.
    assert 0.94 <= covered / chances[kept].sum() <= (0.97 if n * discordance <= 5 else 0.962)


def simulate_difference(rng, n, design, k, delta=0.03):
    """Two runs whose groups share a difficulty and, to a smaller degree, the luck of each run."""
    member, _ = layout(n, design)
    ease = rng.normal(0.6, 0.2, (1, member.max() + 1)) + rng.normal(0, 0.1, (2, member.max() + 1))
    chance = np.clip(ease[:, member] + np.array([[delta / 2], [-delta / 2]]), 0, 1)
    return (*rng.binomial(k, chance) / k, member)


@pytest.mark.integration
@pytest.mark.parametrize("design", DESIGNS)
@pytest.mark.parametrize("k", [1, 4])
@pytest.mark.parametrize("n", [50, 200, 1273])
def test_the_difference_of_items_in_groups_with_several_samples_2000_times(n, k, design):
    rng = np.random.default_rng(n + k)
    a, b, _ = simulate_difference(rng, 2_000_000, design, 1)
    truth, covered = float((a - b).mean()), 0
    for _ in range(2_000):
        a, b, member = simulate_difference(rng, n, design, k)
        covered += covers(difference(a, b, member, k).estimate, truth)
    assert 0.94 - NOISE <= covered / 2_000 <= 0.96 + NOISE


@pytest.mark.parametrize("n", [200, 1273])
def test_the_test_of_equal_runs_raises_a_false_alarm_in_at_most_one_case_of_twenty(n):
    rng, alarms = np.random.default_rng(n), 0
    for _ in range(600):
        a, b, member = simulate_difference(rng, n, "pairs", 2, delta=0.0)
        alarms += difference(a, b, member, 2).p < 0.05
    assert 0.025 <= alarms / 600 <= 0.075


@pytest.mark.integration
@pytest.mark.parametrize("share", [0.2, 0.6, 0.93])
@pytest.mark.parametrize("n", [200, 1273])
def test_the_accuracy_of_several_samples_2000_times(n, share):
    rng, covered = np.random.default_rng(n), 0
    for _ in range(2_000):
        chance = rng.beta(share, 1 - share, n)
        correct = (rng.random((n, 4)) < chance[:, None]).astype(float)
        covered += covers(average(correct, np.arange(n)).estimate, share)
    assert 0.94 - NOISE <= covered / 2_000 <= 0.96 + NOISE


def test_the_macro_average_of_unequal_tasks():
    rng, shares, sizes, covered = np.random.default_rng(5), [0.6, 0.93, 0.3, 0.75], [50, 298, 1273, 500], 0
    for _ in range(1_000):
        parts = [
            mean((rng.random(n) < share).astype(float), np.arange(n)) for n, share in zip(sizes, shares, strict=True)
        ]
        covered += covers(macro(parts), float(np.mean(shares)))
    assert 0.94 - 1.5 * NOISE <= covered / 1_000 <= 0.96 + 1.5 * NOISE
