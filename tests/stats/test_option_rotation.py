"""Option rotation: answers by text are not affected, and position bias is detected."""

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.contingency_tables import cochrans_q

from evalsuite.stats.option_rotation import cochran, robustness

OPTIONS, ITEMS = 4, 400


def answers(rng, choose):
    """Texts and verdicts of a model that sees each item's options turned round by 0, 1, 2 and 3 places."""
    gold = rng.integers(0, OPTIONS, ITEMS)
    texts = [[str(choose(item, rotation)) for item in range(ITEMS)] for rotation in range(OPTIONS)]
    correct = np.array([[text == str(right) for text, right in zip(row, gold, strict=True)] for row in texts])
    return correct.astype(float)[:, :, None], np.array(texts, dtype=object)[:, :, None]


def test_a_model_that_always_answers_c_scores_at_chance_and_never_keeps_its_text():
    correct, texts = answers(np.random.default_rng(0), lambda item, rotation: (2 + rotation) % OPTIONS)
    found = robustness(correct, texts, [""] * ITEMS)
    assert found.same_text.value == found.all_right.value == 0
    assert sum(each.accuracy.value for each in found.rotations) == pytest.approx(1)
    assert found.rotations[found.worst].accuracy.value == min(each.accuracy.value for each in found.rotations)


def test_a_model_that_answers_by_text_is_not_affected_by_rotation():
    fixed = np.random.default_rng(1).integers(0, OPTIONS, ITEMS)
    correct, texts = answers(np.random.default_rng(2), lambda item, rotation: fixed[item])
    found = robustness(correct, texts, [""] * ITEMS)
    assert found.same_text.value == 1
    assert len({each.accuracy.value for each in found.rotations}) == 1
    assert found.p == 1
    assert found.all_right.value == found.rotations[0].accuracy.value


def test_an_invalid_answer_is_the_same_as_none():
    texts = np.array([[None, "x", "x"], [None, "x", None]], dtype=object)[:, :, None]
    found = robustness(np.zeros((2, 3, 1)), texts, ["", "", ""])
    assert found.same_text.value == pytest.approx(1 / 3)


def test_each_sample_is_compared_with_the_same_sample_of_the_other_rotations():
    correct = np.array([[[1, 0]], [[1, 1]]], dtype=float)  # sample 0 right under both rotations, sample 1 under one
    texts = np.array([[["x", "y"]], [["x", "x"]]], dtype=object)
    found = robustness(correct, texts, [""])
    assert found.all_right.value == found.same_text.value == 0.5
    assert [each.accuracy.value for each in found.rotations] == [0.5, 1]


def test_the_worst_rotation_is_worst_on_its_own_items():
    """Items of three options are harder; rotation 2 has only those, and is no worse there than the others."""
    correct = np.full((3, 20, 1), np.nan)
    correct[:2, :10] = 1
    correct[:, 10:] = 0
    correct[0, 10] = correct[2, 11] = 1
    found = robustness(correct, np.full(correct.shape, None, dtype=object), [""] * 20)
    assert [each.items for each in found.rotations] == [20, 20, 10]
    assert found.rotations[2].accuracy.value == pytest.approx(0.1)
    assert found.rotations[2].deviation == pytest.approx(0.1 - 2 / 30)
    assert found.worst == 1
    assert found.all_right.value == 0.5


def test_cochrans_test_is_statsmodels():
    correct = (np.random.default_rng(3).random((4, 60)) < np.array([[0.5], [0.6], [0.7], [0.6]])).astype(float)
    assert cochran(correct) == pytest.approx(cochrans_q(correct.T).pvalue, abs=1e-12)


def test_with_two_rotations_it_is_mcnemars_test():
    correct = (np.random.default_rng(4).random((2, 80)) < 0.6).astype(float)
    only_one, only_other = (correct[0] > correct[1]).sum(), (correct[1] > correct[0]).sum()
    statistic = (only_one - only_other) ** 2 / (only_one + only_other)
    assert cochran(correct) == pytest.approx(stats.chi2.sf(statistic, 1), abs=1e-12)


def test_of_ranks_it_is_friedmans_test():
    ranks = np.random.default_rng(5).permuted(np.tile(np.arange(4.0)[:, None], 30), axis=0)
    assert cochran(ranks) == pytest.approx(stats.friedmanchisquare(*ranks).pvalue, abs=1e-12)


def ragged(rng, drop=0.0):
    """Verdicts on 150 items of 2 to 6 options, each of its own difficulty; the first rotation loses `drop`."""
    sizes, chance = rng.integers(2, 7, 150), rng.beta(2, 2, 150)
    correct = (rng.random((6, 150)) < chance).astype(float)
    correct[0] *= rng.random(150) >= drop
    correct[np.arange(6)[:, None] >= sizes] = np.nan
    return correct


def test_where_items_differ_in_their_number_of_rotations_equal_ones_are_called_unequal_in_5_percent():
    """2,000 data sets: the share below 5% is within four standard errors of it."""
    rng = np.random.default_rng(6)
    found = np.mean([cochran(ragged(rng)) < 0.05 for _ in range(2000)])
    assert abs(found - 0.05) < 4 * np.sqrt(0.05 * 0.95 / 2000)


def test_a_real_loss_of_a_rotation_is_detected():
    rng = np.random.default_rng(7)
    assert np.mean([cochran(ragged(rng, drop=0.6)) < 0.05 for _ in range(50)]) > 0.9
