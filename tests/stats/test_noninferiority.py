"""Outcomes of the gate: clear cases, and how often it is wrong or undecided."""

import math

import numpy as np
import pytest

from evalsuite.stats.intervals import Estimate
from evalsuite.stats.noninferiority import decide, default_margin, judge, judge_macro, samples_needed
from evalsuite.stats.paired_difference import difference
from evalsuite.stats.power import failure_power, noninferiority_power


def runs(rng, items, discordance, delta, accuracy=0.6):
    """A baseline, and a candidate that truly differs by delta and disagrees on that share of the items."""
    gained, lost = (discordance + delta) / 2, (discordance - delta) / 2
    baseline = (rng.random(items) < accuracy).astype(float)
    luck = rng.random(items)
    flips = np.where(baseline == 1, luck < lost / accuracy, luck < gained / (1 - accuracy))
    return np.where(flips, 1 - baseline, baseline), baseline


def outcomes(items, discordance, delta, margin, repetitions=1000, seed=0):
    rng, alone = np.random.default_rng(seed), [""] * items
    found = [judge(*runs(rng, items, discordance, delta), alone, margin).outcome for _ in range(repetitions)]
    return {name: found.count(name) / repetitions for name in ("pass", "fail", "undecided")}


@pytest.mark.parametrize(
    ("low", "high", "outcome"),
    [(-0.01, 0.05, "pass"), (-0.05, -0.03, "fail"), (-0.03, 0.01, "undecided"), (-0.02, -0.01, "undecided")],
)
def test_a_verdict_follows_from_the_two_bounds(low, high, outcome):
    assert decide(Estimate((low + high) / 2, low, high), 0.02).outcome == outcome


@pytest.mark.parametrize("items", [200, 298, 500, 1273])
def test_identical_runs_pass_at_the_default_margin(items):
    scores = (np.arange(items) % 3 > 0).astype(float)
    assert judge(scores, scores, [""] * items, default_margin(items)).outcome == "pass"


@pytest.mark.parametrize(("items", "discordance"), [(298, 0.2), (1273, 0.2), (1273, 0.1)])
def test_a_candidate_worse_by_the_margin_passes_in_one_case_of_twenty_and_fails_in_one(items, discordance):
    margin = default_margin(items, discordance)
    found = outcomes(items, discordance, -margin, margin)
    assert found["pass"] == pytest.approx(0.05, abs=0.022)
    assert found["fail"] == pytest.approx(0.05, abs=0.022)


@pytest.mark.parametrize(("items", "discordance"), [(298, 0.2), (1273, 0.2), (1273, 0.1)])
def test_an_equal_candidate_passes_the_default_margin_in_four_of_five_and_never_fails(items, discordance):
    margin = default_margin(items, discordance)
    assert noninferiority_power(margin, items, discordance) == pytest.approx(0.8)
    found = outcomes(items, discordance, 0.0, margin)
    assert found["pass"] == pytest.approx(0.8, abs=0.04)
    assert found["fail"] == 0


@pytest.mark.parametrize("margin", [0.01, 0.02, 0.031])
def test_three_points_lost_on_medqa_are_judged_as_often_as_the_power_calculation_predicts(margin):
    items, discordance, delta = 1273, 0.2, -0.03
    found = outcomes(items, discordance, delta, margin, 600, seed=1)
    expected = {
        "pass": noninferiority_power(margin, items, discordance, delta),
        "fail": failure_power(margin, items, discordance, delta),
    }
    expected["undecided"] = 1 - sum(expected.values())
    for outcome, share in expected.items():
        assert found[outcome] == pytest.approx(share, abs=3 * math.sqrt(0.25 / 600)), outcome


def test_three_points_taken_away_at_random_and_nothing_given_back_fail_a_margin_of_one():
    rng, found = np.random.default_rng(2), []
    for _ in range(200):
        baseline = (rng.random(1273) < 0.6).astype(float)
        candidate = baseline.copy()
        candidate[rng.choice(np.flatnonzero(baseline), round(0.03 * 1273), replace=False)] = 0
        found.append(judge(candidate, baseline, [""] * 1273, 0.01).outcome)
    assert found.count("fail") == 200
    # Nothing is random but which items: the discordance is the difference, and the gate sees it at once.
    assert failure_power(0.01, 1273, 0.03, -0.03) > 0.99


def test_the_items_needed_of_an_undecided_gate_decide_in_four_of_five_runs():
    rng = np.random.default_rng(3)
    verdict = judge(*runs(rng, 298, 0.2, 0.0), [""] * 298, 0.03)
    assert verdict.outcome == "undecided"
    seen = difference(*runs(np.random.default_rng(3), 298, 0.2, 0.0), [""] * 298)
    found = outcomes(verdict.items, seen.discordance, seen.value, 0.03, 400, seed=4)
    assert 1 - found["undecided"] == pytest.approx(0.8, abs=0.07)


def test_more_samples_of_the_same_items_decide_where_the_noise_comes_from_samples():
    rng, items, k = np.random.default_rng(5), 100, 4
    chance = rng.beta(2, 1, items)
    a, b = rng.binomial(k, chance, (2, items)) / k
    verdict = judge(a, b, [""] * items, 0.07, k)
    assert verdict.outcome == "undecided"
    decided, true = 0, np.clip(chance + verdict.value / 2 * np.array([[1], [-1]]), 0, 1)
    for _ in range(100):
        more = rng.binomial(verdict.samples, true) / verdict.samples
        decided += judge(*more, [""] * items, 0.07, verdict.samples).outcome != "undecided"
    assert decided / 100 > 0.65


def test_the_samples_needed_leave_the_part_of_the_items_as_it_is():
    half = np.full(100, 0.5)  # the part of the samples: 0.01 with one sample per item, 0.005 with two
    needed = [samples_needed(half, half, wanted, 100, 0.7, 2) for wanted in (0.0042, 0.0023, 0.0018)]
    assert needed == [math.ceil(0.01 / 0.0022), math.ceil(0.01 / 0.0003), None]


def test_with_one_sample_per_item_or_a_difference_at_the_margin_no_number_is_stated():
    rng = np.random.default_rng(6)
    assert judge(*runs(rng, 298, 0.2, 0.0), [""] * 298, 0.01).samples is None
    at_margin = np.repeat([[1.0, 0.0, 1.0], [0.0, 1.0, 1.0]], [4, 7, 89], axis=1)
    verdict = judge(*at_margin, [""] * 100, 0.03)
    assert (verdict.outcome, verdict.items) == ("undecided", None)


def test_an_average_of_tasks_decides_where_no_single_task_does():
    rng = np.random.default_rng(7)
    tasks = [runs(rng, 400, 0.2, 0.02) for _ in range(9)]
    alone = [judge(*task, [""] * 400, 0.02).outcome for task in tasks]
    together = judge_macro([difference(*task, [""] * 400, level=0.9).estimate for task in tasks], 0.02)
    assert "undecided" in alone
    assert together.outcome == "pass"
    assert judge_macro([None, Estimate(0, 0, 0)], 0.02) is None


def test_groups_make_the_gate_more_careful():
    rng = np.random.default_rng(8)
    a, b = runs(rng, 300, 0.2, 0.0)
    alone = judge(a, b, [""] * 300, 0.05)
    grouped = judge(np.repeat(a, 3), np.repeat(b, 3), [str(i // 3) for i in range(900)], 0.05)
    assert grouped.low == pytest.approx(alone.low, abs=0.002)
