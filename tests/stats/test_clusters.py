"""Clusters against the same things done one pair of items at a time."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalsuite.stats.clusters import cells, design_effect, members

ITEMS = st.lists(
    st.tuples(st.sampled_from([0.0, 0.25, 0.5, 1.0]), st.sampled_from(["", "a", "b", "c"])), min_size=2, max_size=40
)


def split(items):
    return np.array([score for score, _ in items]), members([group for _, group in items])


@given(ITEMS)
def test_an_empty_group_is_a_cluster_of_its_own_and_a_name_is_one(items):
    _, member = split(items)
    for (place, (_, one)), (other_place, (_, other)) in combinations(enumerate(items), 2):
        assert (member[place] == member[other_place]) == (one == other != "")
    assert sorted(set(member.tolist())) == list(range(len(set(member.tolist()))))


def test_members_of_members_are_themselves_and_any_sequence_of_names_will_do():
    names = ["x", "", "x", "y", ""]
    assert members(names).tolist() == [0, 1, 0, 2, 3]
    assert members(members(names)).tolist() == [0, 1, 0, 2, 3]
    assert members(np.array(names, dtype=object)).tolist() == [0, 1, 0, 2, 3]
    assert members(np.array(names)).tolist() == [0, 1, 0, 2, 3]


@given(ITEMS)
def test_the_design_effect_is_that_of_all_pairs_of_items(items):
    scores, member = split(items)
    apart: dict[bool, list[float]] = {True: [], False: []}
    for one, other in combinations(range(len(scores)), 2):
        apart[bool(member[one] == member[other])].append((scores[one] - scores[other]) ** 2)
    sizes = np.bincount(member)
    largest = (sizes**2).sum() / len(scores)
    if not apart[True]:
        expected = 1.0
    elif not apart[False] or not np.mean(apart[False]):
        expected = largest
    else:
        expected = 1 + min(1, max(0, 1 - np.mean(apart[True]) / np.mean(apart[False]))) * (largest - 1)
    assert design_effect(scores, member) == pytest.approx(expected, abs=1e-12)


def test_copies_of_an_item_count_once():
    rng = np.random.default_rng(0)
    scores = np.repeat(rng.integers(0, 2, 100).astype(float), 4)
    assert design_effect(scores, np.repeat(np.arange(100), 4)) == pytest.approx(4)


@given(ITEMS)
def test_cells_are_the_clusters_counted(items):
    scores, member = split(items)
    found = cells(scores, member)
    unfolded = [
        (float(total), float(size))
        for total, size, count in zip(found.sums, found.sizes, found.counts, strict=True)
        for _ in range(count)
    ]
    one_by_one = [(scores[member == c].sum(), float((member == c).sum())) for c in range(member.max() + 1)]
    assert sorted(unfolded) == sorted(one_by_one)
    assert len(set(unfolded)) == len(found.counts)
    assert found.mean == pytest.approx(scores.mean(), abs=1e-12)
