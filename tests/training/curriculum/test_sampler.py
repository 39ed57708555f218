"""Which prompts are drawn: the same again after a kill, in the form that TRL's trainer takes."""

from itertools import islice

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalsuite.errors import DataError
from training.curriculum.prompt_sampler import PromptSampler, weighted

SHAPES = st.tuples(st.integers(1, 6), st.integers(2, 4), st.integers(1, 3), st.integers(1, 6), st.integers(0, 2**31))


def draws(shape, rows, weights=None):
    prompts, generations, passes, steps, seed = shape
    return PromptSampler(rows, prompts, generations, passes, steps, seed, weights)


@settings(deadline=None)
@given(shape=SHAPES, spare=st.integers(0, 5), weighed=st.booleans())
def test_a_step_is_groups_of_different_rows_once_for_each_pass(shape, spare, weighed):
    prompts, generations, passes, steps, _ = shape
    rows = prompts + spare
    given = draws(shape, rows, (lambda _: np.linspace(1, 2, rows)) if weighed else None)
    found = list(given)
    assert len(found) == len(given) == prompts * generations * passes * steps
    assert found == list(given)
    step = prompts * generations
    for draw in range(steps):
        first = found[draw * passes * step :][:step]
        assert found[draw * passes * step :][: step * passes] == first * passes
        assert len(set(first)) == prompts
        assert first == [row for row in first[::generations] for _ in range(generations)]
        assert all(0 <= row < rows for row in first)


@settings(deadline=None)
@given(shape=SHAPES, whole=st.integers(1, 4))
def test_without_weights_every_row_is_drawn_before_any_is_drawn_again(shape, whole):
    prompts, _, _, _, seed = shape
    given = PromptSampler(prompts * whole, prompts, 2, 1, 2 * whole, seed)
    for epoch in range(2):
        seen = np.concatenate([given.drawn(epoch * whole + place) for place in range(whole)])
        assert sorted(seen) == list(range(prompts * whole))


@settings(deadline=None)
@given(shape=SHAPES, step=st.integers(0, 5))
def test_weights_are_asked_for_when_they_are_needed_and_count_only_there(shape, step):
    """A run that goes on passes over the draws that it has used, and those to come know the same weights."""
    rows, asked = 9, []

    def weights(draw):
        asked.append(draw)
        return np.random.default_rng(draw).uniform(0.1, 1, rows)

    given = draws(shape, rows, weights)
    prompts, generations, passes, steps, seed = shape
    step %= steps
    list(islice(given, step * prompts * generations * passes + 1))
    assert asked == list(range(step + 1))
    alone = weighted(weights(step), prompts, np.random.default_rng([seed, step]))
    assert (given.drawn(step) == alone).all()


def test_rows_are_drawn_in_proportion_to_their_weights():
    """The first of each draw; 4 standard errors of 20,000 draws are at most .014."""
    shares = np.array([0.5, 0.3, 0.15, 0.05])
    first = [weighted(shares * 7, 2, np.random.default_rng([1, draw]))[0] for draw in range(20_000)]
    assert np.bincount(first, minlength=4) / 20_000 == pytest.approx(shares, abs=0.015)


def test_the_second_of_a_draw_is_in_proportion_to_what_is_left():
    shares = np.array([0.5, 0.3, 0.2])
    pairs = [tuple(weighted(shares, 2, np.random.default_rng([2, draw]))) for draw in range(20_000)]
    after_first = [second for first, second in pairs if first == 0]
    assert np.mean(np.array(after_first) == 1) == pytest.approx(0.6, abs=0.02)


def test_too_few_rows_are_refused():
    with pytest.raises(DataError, match=r"3 rows .* 4 different prompts"):
        PromptSampler(3, 4, 2, 1, 1, 0)
