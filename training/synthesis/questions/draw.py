"""A seeded source of random numbers whose results do not change with the version of a library."""

from __future__ import annotations

import heapq
import math
from bisect import bisect_right
from collections.abc import Iterator, MutableSequence, Sequence
from itertools import islice
from random import Random
from typing import Any, TypeVar

T = TypeVar("T")


class Draw:
    """Random choices made of `random.Random.random` alone, the one method whose stream Python guarantees for a seed."""

    def __init__(self, *seed: object) -> None:
        self._next = Random(":".join(map(str, seed))).random

    def unit(self) -> float:
        """Return a number from 0 to 1, without 1."""
        return self._next()

    def below(self, limit: int) -> int:
        """Return a whole number from 0 to `limit` - 1."""
        return int(self._next() * limit)

    def among(self, sums: Sequence[float]) -> int:
        """Return a place by weight; `sums`: the running sums of the weights."""
        return min(bisect_right(sums, self._next() * sums[-1]), len(sums) - 1)

    def choice(self, values: Sequence[T]) -> T:
        """Return one of the values."""
        return values[self.below(len(values))]

    def shuffle(self, values: MutableSequence[Any]) -> None:
        """Put the values in a random order, in place (Fisher and Yates)."""
        for last in range(len(values) - 1, 0, -1):
            other = self.below(last + 1)
            values[last], values[other] = values[other], values[last]

    def order(self, values: Sequence[T]) -> Iterator[T]:
        """Yield all values in a random order, each place drawn only when it is asked for."""
        pool = list(values)
        for place in range(len(pool)):
            other = place + self.below(len(pool) - place)
            pool[place], pool[other] = pool[other], pool[place]
            yield pool[place]

    def sample(self, values: Sequence[T], count: int) -> list[T]:
        """Return up to `count` different values in random order."""
        return list(islice(self.order(values), count))

    def weighted_order(self, values: Sequence[T], weights: Sequence[float]) -> list[T]:
        """Return all values in an order that draws without replacement, each with chances in proportion to its weight.

        Each value gets the key log(u) / weight, largest first (Efraimidis and Spirakis, Information Processing Letters
        97, 2006). A weight of 0 leaves a value out.
        """
        keys = [(-math.log(1.0 - self._next()) / weight, place) for place, weight in enumerate(weights) if weight > 0]
        return [values[place] for _, place in heapq.nsmallest(len(keys), keys)]
