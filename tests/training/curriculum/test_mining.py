"""The weights of mining: a distribution over the whole pool, recorded on disk, largest where groups have variance."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalsuite.errors import ErrorCode, RunError
from training.curriculum.mining import (
    MIN_WEIGHT,
    SET_ASIDE_AFTER,
    MiningHistory,
    MiningResult,
    set_aside,
    weights,
)

SAMPLES = 4


@st.composite
def histories(draw, min_size=1):
    items = draw(st.integers(2, 12))
    counts = st.lists(st.integers(0, SAMPLES), min_size=items, max_size=items)
    return [MiningResult(step, SAMPLES, tuple(draw(counts))) for step in range(draw(st.integers(min_size, 5)))]


GENERATIONS = st.sampled_from([2, 4, 8, 16])


@given(minings=histories(), generations=GENERATIONS)
def test_weights_are_a_distribution_with_every_item_above_zero(minings, generations):
    values = weights(minings, generations)
    assert (values > 0).all()
    assert values.sum() == pytest.approx(1)
    assert (values == weights(minings, generations)).all()


@given(minings=histories(), generations=GENERATIONS, data=st.data())
def test_weights_do_not_depend_on_the_order_of_the_pool(minings, generations, data):
    order = data.draw(st.permutations(range(len(minings[0].right))))
    reordered = [mining._replace(right=tuple(mining.right[row] for row in order)) for mining in minings]
    assert weights(reordered, generations) == pytest.approx(weights(minings, generations)[order])


@given(minings=histories(), generations=GENERATIONS)
def test_of_two_items_that_are_mostly_right_the_one_that_fails_more_has_the_larger_weight(minings, generations):
    values = weights(minings, generations)
    table = np.array([mining.right for mining in minings])
    mostly = (table > SAMPLES // 2).all(axis=0)
    for one in np.flatnonzero(mostly):
        for other in np.flatnonzero(mostly):
            if (table[:, one] <= table[:, other]).all():
                assert values[one] >= values[other] - 1e-12


@pytest.mark.parametrize("samples", [4, 8, 16])
@pytest.mark.parametrize("generations", [4, 8, 16])
def test_weights_peak_at_items_that_are_right_now_and_then(samples, generations):
    """They are smallest for items that are always right; those always wrong are between until they are set aside."""
    values = weights([MiningResult(0, samples, tuple(range(samples + 1)))], generations)
    peak = int(np.argmax(values))
    assert 0 < peak <= samples / 2
    assert (np.diff(values[: peak + 1]) > 0).all()
    assert (np.diff(values[peak:]) < 0).all()
    assert values[-1] < values[0] < values[peak]


def test_the_weight_is_the_documented_posterior_mean():
    """By numerical integration: 1 of 4 right now, and 3 of 4 one mining before, which counts half."""
    p = (np.arange(200_000) + 0.5) / 200_000
    useful = (1 - p) * (1 - p**8 - (1 - p) ** 8)

    def mean(right, wrong):
        density = p ** (right - 0.5) * (1 - p) ** (wrong - 0.5)
        return (useful * density).sum() / density.sum()

    values = weights([MiningResult(0, 4, (3, 2)), MiningResult(5, 4, (1, 2))], 8)
    assert values[0] / values[1] == pytest.approx(mean(1 + 1.5, 3 + 0.5) / mean(2 + 1, 2 + 1), rel=1e-4)


@given(minings=histories(min_size=SET_ASIDE_AFTER), generations=GENERATIONS)
def test_items_that_are_set_aside_are_recorded_and_have_the_smallest_weight(tmp_path_factory, minings, generations):
    rows = range(len(minings[0].right))
    history = MiningHistory(tmp_path_factory.mktemp("mined") / "a.jsonl", [f"i{row}" for row in rows], generations)
    for mining in minings:
        history.add(mining)
    line = json.loads(history.file.read_text().splitlines()[-1])
    last = minings[-SET_ASIDE_AFTER:]
    assert line["always_right"] == [f"i{row}" for row in rows if all(m.right[row] == SAMPLES for m in last)]
    assert line["always_wrong"] == [f"i{row}" for row in rows if all(m.right[row] == 0 for m in last)]
    values = weights(minings, generations)
    for row in set_aside(minings).all:
        assert values[row] == values.min()
    assert sum(line["histogram"]) == len(rows)
    assert 1 <= line["effective"] <= len(rows) + 1e-9
    assert history.metrics()["mined_always_wrong"] == len(line["always_wrong"])


def test_an_item_that_is_set_aside_returns_when_its_responses_differ(tmp_path):
    history = MiningHistory(tmp_path / "a.jsonl", ["never", "always", "other"], 8)
    for step, right in enumerate([(0, 4, 2), (0, 4, 2), (1, 4, 2), (1, 3, 2)]):
        history.add(MiningResult(step, 4, right))
    lines = [json.loads(line) for line in history.file.read_text().splitlines()]
    assert [line["always_wrong"] for line in lines] == [[], ["never"], [], []]
    assert [line["always_right"] for line in lines] == [[], ["always"], ["always"], []]
    assert [line["returned"] for line in lines] == [[], [], ["never"], ["always"]]
    before, after = history.weights_at(2), history.weights_at(3)
    assert before[0] == pytest.approx(before[2] * MIN_WEIGHT / (before[2] / before[0] * MIN_WEIGHT))
    assert after[0] > 20 * before[0]


@given(minings=histories(), generations=GENERATIONS, draw=st.integers(0, 6))
def test_a_history_that_is_read_from_disk_gives_the_same_weights(tmp_path_factory, minings, generations, draw):
    file, items = tmp_path_factory.mktemp("mined") / "a.jsonl", [str(row) for row in range(len(minings[0].right))]
    history = MiningHistory(file, items, generations)
    for mining in minings:
        history.add(mining)
    again = MiningHistory(file, items, generations)
    assert again.minings == minings
    assert (again.weights_at(draw) == history.weights_at(draw)).all()
    used = [mining for mining in minings if mining.step < draw] or minings[:1]
    assert (again.weights_at(draw) == weights(used, generations)).all()


def test_the_history_of_another_pool_is_refused(tmp_path):
    MiningHistory(tmp_path / "a.jsonl", ["a", "b"], 4).add(MiningResult(0, 2, (1, 1)))
    with pytest.raises(RunError) as caught:
        MiningHistory(tmp_path / "a.jsonl", ["b", "a"], 4)
    assert caught.value.code is ErrorCode.TRAINING_DATA_CHANGED
    assert str(tmp_path / "a.jsonl") in str(caught.value)
