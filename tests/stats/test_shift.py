"""Moved options: a reader of texts is unmoved, a lover of one place is found out."""

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.contingency_tables import cochrans_q

from evalsuite.stats.shift import cochran, robustness

OPTIONS, ITEMS = 4, 400


def answers(rng, choose):
    """Texts and verdicts of a model that sees each item's options turned round by 0, 1, 2 and 3 places."""
    gold = rng.integers(0, OPTIONS, ITEMS)
    texts = [[str(choose(item, shift)) for item in range(ITEMS)] for shift in range(OPTIONS)]
    correct = np.array([[text == str(right) for text, right in zip(row, gold, strict=True)] for row in texts])
    return correct.astype(float), texts


def test_a_model_that_always_says_c_scores_chance_and_keeps_no_text():
    correct, texts = answers(np.random.default_rng(0), lambda item, shift: (2 + shift) % OPTIONS)
    found = robustness(correct, texts, [""] * ITEMS)
    assert found.same_text.value == found.all_right.value == 0
    assert sum(each.value for each in found.shifts) == pytest.approx(1)
    assert found.shifts[found.worst].value == min(each.value for each in found.shifts)


def test_a_model_that_reads_the_texts_is_unmoved():
    fixed = np.random.default_rng(1).integers(0, OPTIONS, ITEMS)
    correct, texts = answers(np.random.default_rng(2), lambda item, shift: fixed[item])
    found = robustness(correct, texts, [""] * ITEMS)
    assert found.same_text.value == 1
    assert len({each.value for each in found.shifts}) == 1
    assert found.p == 1
    assert found.all_right.value == found.shifts[0].value


def test_an_invalid_answer_is_the_same_as_none():
    found = robustness(np.zeros((2, 3)), [[None, "x", "x"], [None, "x", None]], ["", "", ""])
    assert found.same_text.value == pytest.approx(1 / 3)


def test_cochrans_test_is_statsmodels():
    correct = (np.random.default_rng(3).random((4, 60)) < np.array([[0.5], [0.6], [0.7], [0.6]])).astype(float)
    assert cochran(correct) == pytest.approx(cochrans_q(correct.T).pvalue, abs=1e-12)


def test_with_two_shifts_it_is_mcnemars_test():
    correct = (np.random.default_rng(4).random((2, 80)) < 0.6).astype(float)
    only_one, only_other = (correct[0] > correct[1]).sum(), (correct[1] > correct[0]).sum()
    statistic = (only_one - only_other) ** 2 / (only_one + only_other)
    assert cochran(correct) == pytest.approx(stats.chi2.sf(statistic, 1), abs=1e-12)
