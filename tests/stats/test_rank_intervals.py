"""Ranks: what is shared, what is certain, and that intervals hold the true order."""

import json

import numpy as np

from evalsuite.stats.paired_difference import difference
from evalsuite.stats.rank_intervals import Rank, ranks


def table(models, different):
    p = np.ones((models, models))
    for one, other in different:
        p[one, other] = p[other, one] = 1e-9
    return p


def test_models_that_do_not_differ_significantly_from_the_best_of_their_group_share_its_rank():
    # 0 and 1 alike; 2 differs from 0 and opens a group that 3 belongs to although it differs from 0 only.
    found = ranks([0.8, 0.79, 0.7, 0.69], table(4, [(0, 2), (0, 3), (1, 3)]))
    assert [rank.rank for rank in found] == [1, 1, 3, 3]
    assert found[0] == Rank(1, 1, 2)
    assert found[1] == Rank(1, 1, 3)
    assert found[2] == Rank(3, 2, 4)
    assert found[3] == Rank(3, 3, 4)


def test_the_order_of_the_models_given_does_not_matter():
    values, p = [0.8, 0.79, 0.7, 0.69], table(4, [(0, 2), (0, 3), (1, 3)])
    turned = [2, 0, 3, 1]
    found = ranks([values[i] for i in turned], p[np.ix_(turned, turned)])
    assert [found[turned.index(i)] for i in range(4)] == ranks(values, p)


def test_ranks_are_plain_numbers_whatever_the_values_are():
    found = ranks(list(np.array([0.8, 0.7])), table(2, [(0, 1)]))
    assert json.loads(json.dumps(found)) == [[1, 1, 1], [2, 2, 2]]


def test_one_model_is_first_and_none_are_nowhere():
    assert ranks([0.5], np.ones((1, 1))) == [Rank(1, 1, 1)]
    assert ranks([], np.ones((0, 0))) == []


def test_the_family_is_all_pairs():
    p = np.ones((4, 4))
    p[0, 1] = p[1, 0] = 0.02  # enough alone, not among six
    assert {rank.rank for rank in ranks([0.9, 0.8, 0.7, 0.6], p)} == {1}


def test_all_rank_intervals_hold_the_true_ranks_together():
    rng, held = np.random.default_rng(0), 0
    true = np.array([0.75, 0.7, 0.68, 0.6])
    for _ in range(150):
        ease = rng.normal(0, 0.15, 300)
        scores = (rng.random((4, 300)) < np.clip(true[:, None] + ease, 0, 1)).astype(float)
        p = np.array([[difference(a, b, [""] * 300).p for a in scores] for b in scores])
        found = ranks(scores.mean(axis=1).tolist(), p)
        held += all(rank.best <= place <= rank.worst for place, rank in enumerate(found, start=1))
    assert held / 150 >= 0.93
