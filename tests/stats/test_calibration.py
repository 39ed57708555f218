"""Calibration: by definition on data of which it is known."""

import numpy as np
import pytest
from scipy import stats

from evalsuite.stats.calibration import calibration, cluster_t, probabilities


def model(rng, items, over=0.0):
    """Three labels; the likeliest one is right less often than the model says, by `over`."""
    sure = rng.uniform(0.55, 0.95, items)
    chances = np.column_stack([sure, (1 - sure) * 0.7, (1 - sure) * 0.3])
    wrong = np.where(rng.random(items) < 0.7, 1, 2)
    return chances, np.where(rng.random(items) < sure - over, 0, wrong)


def test_log_probabilities_become_shares_and_a_missing_label_has_none():
    found = probabilities(np.array([[-1000.0, -1000.0, -np.inf], [0.0, np.log(3), 0.0]]))
    assert found.sum(axis=1) == pytest.approx([1, 1])
    assert found[0].tolist() == [0.5, 0.5, 0]
    assert found[1] == pytest.approx([0.2, 0.6, 0.2])


def test_ece_and_brier_are_their_definitions():
    chances, gold = model(np.random.default_rng(0), 300, 0.1)
    found = calibration(chances, gold, [""] * 300, np.random.default_rng(1))
    sure, right, ece = chances.max(axis=1), (gold == 0).astype(float), 0.0
    for low in np.arange(10) / 10:
        inside = (sure >= low) & (sure < low + 0.1)
        if inside.any():
            ece += inside.mean() * abs(sure[inside].mean() - right[inside].mean())
    brier = np.mean([sum((p - (i == g)) ** 2 for i, p in enumerate(row)) for row, g in zip(chances, gold, strict=True)])
    assert found.ece.value == pytest.approx(ece, abs=0.004)
    assert found.brier.value == pytest.approx(brier, abs=1e-12)
    assert sum(each.items for each in found.bins) == 300
    assert np.average([b.accuracy.value for b in found.bins], weights=[b.items for b in found.bins]) == right.mean()


@pytest.mark.parametrize("over", [0.0, 0.03, 0.1])
def test_the_ece_interval_covers_the_truth_at_least_as_often_as_stated(over):
    rng, covered = np.random.default_rng(2), 0
    for _ in range(60):
        chances, gold = model(rng, 300, over)
        ece = calibration(chances, gold, [""] * 300, rng).ece
        covered += ece.low <= over <= ece.high
    assert covered >= 54


def test_a_calibrated_model_shows_about_the_ece_that_luck_gives_and_another_more():
    rng = np.random.default_rng(3)
    fair = calibration(*model(rng, 2000), [""] * 2000, rng)
    unfair = calibration(*model(rng, 2000, 0.15), [""] * 2000, rng)
    assert fair.ece.value < 2 * fair.ece_if_calibrated
    assert fair.ece.low == 0
    assert unfair.ece.low > 0.05


def test_the_t_interval_of_single_items_is_scipys_and_copies_add_nothing():
    values = np.random.default_rng(4).gamma(2, size=40)
    found = cluster_t(values, np.arange(40))
    theirs = stats.ttest_1samp(values, 0).confidence_interval()
    assert found[1:] == pytest.approx((theirs.low, theirs.high), abs=1e-12)
    copied = cluster_t(np.repeat(values, 3), np.repeat(np.arange(40), 3))
    assert copied == pytest.approx(found, abs=1e-12)
