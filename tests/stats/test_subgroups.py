"""Subgroups: every item once, each with the interval of its own items."""

import numpy as np

from evalsuite.stats.intervals import mean
from evalsuite.stats.subgroups import subgroups


def test_each_key_has_the_estimate_of_its_items_alone_largest_first():
    keys = ["heart", "skin", "heart", "eye", "heart", "skin"]
    scores = np.array([1.0, 0.0, 1.0, 1.0, 0.0, 1.0])
    groups = ["a", "a", "a", "", "b", ""]
    found = subgroups(keys, scores, groups)
    assert [(each.key, each.items) for each in found] == [("heart", 3), ("skin", 2), ("eye", 1)]
    assert found[0].estimate == mean(scores[[0, 2, 4]], ["a", "a", "b"])
    assert found[1].estimate == mean(scores[[1, 5]], ["", ""])
    assert sum(each.items * each.estimate.value for each in found) == scores.sum()
