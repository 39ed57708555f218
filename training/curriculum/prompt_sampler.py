"""Which prompts are drawn for which step: by the seed, the step and the pool's weights, and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from evalsuite.errors import DataError

Floats: TypeAlias = NDArray[np.float64]
Indices: TypeAlias = NDArray[np.intp]


class PromptSampler:
    """The order in which TRL's trainer takes rows, in place of its `RepeatSampler` and in the same form.

    A step's prompts are yielded one behind the other, each `generations` times so that a group lies together, and the
    whole `passes` times, once for each forward pass of the step; TRL generates at the first and takes its parts after.

    Without weights every row is drawn once before any is drawn again, as far as whole steps go. With weights a step's
    prompts are drawn without replacement, each next one in proportion to the weights of those that are left.

    A killed run draws the same again: a resumed trainer runs through the draws that it has used. `weights` is asked for
    the weights of a draw (from 0) while the step before it is still under way, since the loader reads one batch ahead.
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
            raise DataError(f"{rows} rows to draw {prompts} different prompts a step from: add rows or take fewer")
        self.rows, self.prompts, self.steps, self.seed = rows, prompts, steps, seed
        self.generations, self.passes = generations, passes
        self.weights = weights

    def __len__(self) -> int:
        return self.steps * self.passes * self.prompts * self.generations

    def __iter__(self) -> Iterator[int]:
        for draw in range(self.steps):
            step = np.repeat(self.drawn(draw), self.generations).tolist()
            for _ in range(self.passes):
                yield from step

    def drawn(self, draw: int) -> Indices:
        """The rows of one step, from 0."""
        if self.weights is None:
            return self._shuffled(draw)
        return weighted(self.weights(draw), self.prompts, np.random.default_rng([self.seed, draw]))

    def _shuffled(self, draw: int) -> Indices:
        epoch, place = divmod(draw, self.rows // self.prompts)
        order = np.random.default_rng([self.seed, epoch]).permutation(self.rows)
        return order[place * self.prompts :][: self.prompts]


def weighted(weights: Floats, count: int, generator: np.random.Generator) -> Indices:
    """Draw rows without replacement, each next one in proportion to the weights left; weights above 0.

    Source: exponential clocks, P. S. Efraimidis and P. G. Spirakis, "Weighted random sampling with a reservoir" (2006).
    """
    rings: Floats = generator.exponential(size=len(weights)) / weights
    return np.argsort(rings, kind="stable")[:count]
