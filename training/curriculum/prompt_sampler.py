"""The sampler of prompts: which rows of the pool each step trains on, by seed, step and weights alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from evalsuite.errors import DataError, ErrorCode

Floats: TypeAlias = NDArray[np.float64]
Indices: TypeAlias = NDArray[np.intp]


class PromptSampler:
    """One order of rows for TRL's trainer, in place of its `RepeatSampler` and in the same form.

    A step's prompts are yielded one after the other, each `generations` times so that a group is contiguous, and all of
    that `passes` times, once for each forward pass of the step; TRL generates at the first pass and uses its parts in
    the others.

    Without weights every row is drawn once before any is drawn again, as far as complete steps allow. With weights the
    prompts of a step are drawn without replacement, each in proportion to the weights of the rows that are left.

    A draw depends on nothing but its number, so a resumed run draws the same again: the trainer skips the draws that
    were used. `weights` is called with the number of a draw (from 0) while the step before it is still running, since
    the data loader reads one batch ahead. Fewer rows than prompts per step are a `DataError`.
    """

    def __init__(
        self,
        rows: int,
        prompts: int,
        generations: int,
        passes: int,
        steps: int,
        seed: int,
        weights: Callable[[int], Floats] | None = None,
    ) -> None:
        if rows < prompts:
            raise DataError(
                ErrorCode.TRAINING_NOT_POSSIBLE,
                f"{rows} rows are too few for {prompts} different prompts per step: add rows or lower prompts",
            )
        self.rows, self.prompts, self.steps, self.seed = rows, prompts, steps, seed
        self.generations, self.passes = generations, passes
        self.weights = weights

    def __len__(self) -> int:
        return self.steps * self.passes * self.prompts * self.generations

    def __iter__(self) -> Iterator[int]:
        for draw in range(self.steps):
            step = np.repeat(self.draw(draw), self.generations).tolist()
            for _ in range(self.passes):
                yield from step

    def draw(self, number: int) -> Indices:
        """Return the rows of one step (from 0), shape (prompts,)."""
        # A generator per draw: the state of a single one would have to be stored in every checkpoint.
        if self.weights is None:
            return self._draw_shuffled(number)
        return draw_weighted(self.weights(number), self.prompts, np.random.default_rng([self.seed, number]))

    def _draw_shuffled(self, number: int) -> Indices:
        epoch, step = divmod(number, self.rows // self.prompts)
        order = np.random.default_rng([self.seed, epoch]).permutation(self.rows)
        return order[step * self.prompts :][: self.prompts]


def draw_weighted(weights: Floats, count: int, generator: np.random.Generator) -> Indices:
    """Draw `count` rows without replacement, each in proportion to the weights left; weights must be above 0.

    Each row gets an exponential waiting time with its weight as the rate; the first `count` to arrive are drawn.
    Source: Efraimidis and Spirakis 2006, "Weighted random sampling with a reservoir".
    """
    arrivals: Floats = generator.exponential(size=len(weights)) / weights
    return np.argsort(arrivals, kind="stable")[:count]
