"""What an item weighs: never nothing, never a secret, and most where a group has something to teach."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalsuite.errors import RunError
from training.curriculum.mining import FLOOR, SETTLED, MiningHistory, MiningResult, aside, weights

SAMPLES = 4


@st.composite
def histories(draw, least=1):
    items = draw(st.integers(2, 12))
    counts = st.lists(st.integers(0, SAMPLES), min_size=items, max_size=items)
    return [MiningResult(step, SAMPLES, tuple(draw(counts))) for step in range(draw(st.integers(least, 5)))]


GENERATIONS = st.sampled_from([2, 4, 8, 16])


@settings(deadline=None)
@given(minings=histories(), generations=GENERATIONS)
def test_weights_are_a_distribution_in_which_nothing_is_left_out(minings, generations):
    found = weights(minings, generations)
    assert (found > 0).all()
    assert found.sum() == pytest.approx(1)
    assert (found == weights(minings, generations)).all()


@settings(deadline=None)
@given(minings=histories(), generations=GENERATIONS, data=st.data())
def test_an_item_weighs_the_same_wherever_it_stands(minings, generations, data):
    order = data.draw(st.permutations(range(len(minings[0].right))))
    moved = [mined._replace(right=tuple(mined.right[row] for row in order)) for mined in minings]
    assert weights(moved, generations) == pytest.approx(weights(minings, generations)[order])


@settings(deadline=None)
@given(minings=histories(), generations=GENERATIONS)
def test_of_two_items_that_are_mostly_right_the_one_that_fails_more_weighs_more(minings, generations):
    found = weights(minings, generations)
    table = np.array([mined.right for mined in minings])
    mostly = (table > SAMPLES // 2).all(axis=0)
    for one in np.flatnonzero(mostly):
        for other in np.flatnonzero(mostly):
            if (table[:, one] <= table[:, other]).all():
                assert found[one] >= found[other] - 1e-12


@pytest.mark.parametrize("samples", [4, 8, 16])
@pytest.mark.parametrize("generations", [4, 8, 16])
def test_most_is_drawn_of_what_is_right_now_and_then(samples, generations):
    """And least of what is always right; what is always wrong lies between, until it is set aside."""
    found = weights([MiningResult(0, samples, tuple(range(samples + 1)))], generations)
    peak = int(np.argmax(found))
    assert 0 < peak <= samples / 2
    assert (np.diff(found[: peak + 1]) > 0).all()
    assert (np.diff(found[peak:]) < 0).all()
    assert found[-1] < found[0] < found[peak]


def test_the_weight_is_what_its_formula_says():
    """The posterior mean, by integration: 1 of 4 right now and 3 of 4 one mining before, which counts half."""
    p = (np.arange(200_000) + 0.5) / 200_000
    useful = (1 - p) * (1 - p**8 - (1 - p) ** 8)

    def mean(right, wrong):
        density = p ** (right - 0.5) * (1 - p) ** (wrong - 0.5)
        return (useful * density).sum() / density.sum()

    found = weights([MiningResult(0, 4, (3, 2)), MiningResult(5, 4, (1, 2))], 8)
    assert found[0] / found[1] == pytest.approx(mean(1 + 1.5, 3 + 0.5) / mean(2 + 1, 2 + 1), rel=1e-4)


@settings(deadline=None)
@given(minings=histories(least=SETTLED), generations=GENERATIONS)
def test_what_is_set_aside_is_named_and_weighs_the_least(tmp_path_factory, minings, generations):
    rows = range(len(minings[0].right))
    history = MiningHistory(tmp_path_factory.mktemp("mined") / "a.jsonl", [f"i{row}" for row in rows], generations)
    for mined in minings:
        history.add(mined)
    said = json.loads(history.file.read_text().splitlines()[-1])
    last = minings[-SETTLED:]
    assert said["always_right"] == [f"i{row}" for row in rows if all(m.right[row] == SAMPLES for m in last)]
    assert said["always_wrong"] == [f"i{row}" for row in rows if all(m.right[row] == 0 for m in last)]
    found, away = weights(minings, generations), frozenset.union(*aside(minings))
    for row in away:
        assert found[row] == found.min()
    assert sum(said["histogram"]) == len(rows)
    assert 1 <= said["effective"] <= len(rows) + 1e-9
    assert history.shown()["mined_always_wrong"] == len(said["always_wrong"])


def test_what_is_set_aside_comes_back_when_its_responses_differ(tmp_path):
    history = MiningHistory(tmp_path / "a.jsonl", ["never", "always", "other"], 8)
    for step, right in enumerate([(0, 4, 2), (0, 4, 2), (1, 4, 2), (1, 3, 2)]):
        history.add(MiningResult(step, 4, right))
    told = [json.loads(line) for line in history.file.read_text().splitlines()]
    assert [line["always_wrong"] for line in told] == [[], ["never"], [], []]
    assert [line["always_right"] for line in told] == [[], ["always"], ["always"], []]
    assert [line["woken"] for line in told] == [[], [], ["never"], ["always"]]
    before, after = history.weights_at(2), history.weights_at(3)
    assert before[0] == pytest.approx(before[2] * FLOOR / (before[2] / before[0] * FLOOR))
    assert after[0] > 20 * before[0]


@settings(deadline=None)
@given(minings=histories(), generations=GENERATIONS, draw=st.integers(0, 6))
def test_a_history_that_is_read_again_draws_the_same(tmp_path_factory, minings, generations, draw):
    file, items = tmp_path_factory.mktemp("mined") / "a.jsonl", [str(row) for row in range(len(minings[0].right))]
    history = MiningHistory(file, items, generations)
    for mined in minings:
        history.add(mined)
    again = MiningHistory(file, items, generations)
    assert again.minings == minings
    assert (again.weights_at(draw) == history.weights_at(draw)).all()
    counted = [mined for mined in minings if mined.step < draw] or minings[:1]
    assert (again.weights_at(draw) == weights(counted, generations)).all()


def test_another_pool_is_refused(tmp_path):
    MiningHistory(tmp_path / "a.jsonl", ["a", "b"], 4).add(MiningResult(0, 2, (1, 1)))
    with pytest.raises(RunError, match="another pool"):
        MiningHistory(tmp_path / "a.jsonl", ["b", "a"], 4)
