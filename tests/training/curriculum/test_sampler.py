"""The prompt sampler draws the same after a kill, in the form that TRL's trainer needs."""

from itertools import islice

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalsuite.errors import DataError, ErrorCode
from training.curriculum.prompt_sampler import PromptSampler, draw_weighted

SHAPES = st.tuples(st.integers(1, 6), st.integers(2, 4), st.integers(1, 3), st.integers(1, 6), st.integers(0, 2**31))


def make_sampler(shape, rows, weights=None):
    prompts, generations, passes, steps, seed = shape
    return PromptSampler(rows, prompts, generations, passes, steps, seed, weights)


@given(shape=SHAPES, spare=st.integers(0, 5), weighted=st.booleans())
def test_a_step_has_groups_of_different_rows_repeated_for_each_pass(shape, spare, weighted):
    prompts, generations, passes, steps, _ = shape
    rows = prompts + spare
    sampler = make_sampler(shape, rows, (lambda _: np.linspace(1, 2, rows)) if weighted else None)
    order = list(sampler)
    assert len(order) == len(sampler) == prompts * generations * passes * steps
    assert order == list(sampler)
    step = prompts * generations
    for draw in range(steps):
        first = order[draw * passes * step :][:step]
        assert order[draw * passes * step :][: step * passes] == first * passes
        assert len(set(first)) == prompts
        assert first == [row for row in first[::generations] for _ in range(generations)]
        assert all(0 <= row < rows for row in first)


@given(shape=SHAPES, steps=st.integers(1, 4))
def test_without_weights_every_row_is_drawn_before_any_is_drawn_again(shape, steps):
    prompts, _, _, _, seed = shape
    sampler = PromptSampler(prompts * steps, prompts, 2, 1, 2 * steps, seed)
    for epoch in range(2):
        seen = np.concatenate([sampler.draw(epoch * steps + step) for step in range(steps)])
        assert sorted(seen) == list(range(prompts * steps))


@given(shape=SHAPES, step=st.integers(0, 5))
def test_weights_are_requested_once_per_draw_in_order_and_used_for_that_draw_alone(shape, step):
    """So a resumed run, which skips the draws that were used, draws what the first run would have drawn."""
    rows, requested = 9, []

    def weights(draw):
        requested.append(draw)
        return np.random.default_rng(draw).uniform(0.1, 1, rows)

    sampler = make_sampler(shape, rows, weights)
    prompts, generations, passes, steps, seed = shape
    step %= steps
    list(islice(sampler, step * prompts * generations * passes + 1))
    assert requested == list(range(step + 1))
    expected = draw_weighted(weights(step), prompts, np.random.default_rng([seed, step]))
    assert (sampler.draw(step) == expected).all()


def test_rows_are_drawn_in_proportion_to_their_weights():
    """The first row of each draw; 4 standard errors of 20,000 draws are at most .014."""
    shares = np.array([0.5, 0.3, 0.15, 0.05])
    first = [draw_weighted(shares * 7, 2, np.random.default_rng([1, draw]))[0] for draw in range(20_000)]
    assert np.bincount(first, minlength=4) / 20_000 == pytest.approx(shares, abs=0.015)


def test_the_second_row_of_a_draw_is_in_proportion_to_the_weights_left():
    shares = np.array([0.5, 0.3, 0.2])
    pairs = [tuple(draw_weighted(shares, 2, np.random.default_rng([2, draw]))) for draw in range(20_000)]
    after_first = [second for first, second in pairs if first == 0]
    assert np.mean(np.array(after_first) == 1) == pytest.approx(0.6, abs=0.02)


def test_too_few_rows_are_refused():
    with pytest.raises(DataError) as caught:
        PromptSampler(3, 4, 2, 1, 1, 0)
    assert caught.value.code is ErrorCode.TRAINING_NOT_POSSIBLE
    assert "3 rows" in str(caught.value) and "4 different prompts" in str(caught.value)
