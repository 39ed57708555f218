"""Edges by node, and ancestors by node, in sorted arrays."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.int32]


class Adjacency:
    """The edges of each node, those of one relation side by side (compressed sparse rows)."""

    def __init__(self, ends: Numbers, relations: NDArray[Any], nodes: int, relation_count: int) -> None:
        self._width = max(relation_count, 1)
        keys = ends.astype(np.int64) * self._width + relations
        self._order = np.argsort(keys, kind="stable")
        self._keys = keys[self._order]
        self._first = np.searchsorted(self._keys, np.arange(nodes + 1, dtype=np.int64) * self._width)

    def rows(self, number: int, relation: int | None) -> NDArray[np.int64]:
        """Return the edges of a node, of one relation or of all; -1 is a relation that no edge has."""
        start, end = self._first[number], self._first[number + 1]
        if relation is None:
            return self._order[start:end]
        if relation < 0:
            return self._order[:0]
        key = int(number) * self._width + relation
        start, end = start + np.searchsorted(self._keys[start:end], (key, key + 1))
        return self._order[start:end]


class Closure:
    """Ancestors and descendants over `is_a`, each found once and kept."""

    def __init__(self, children: Numbers, parents: Numbers, size: int) -> None:
        plain = np.zeros(len(children), dtype=np.uint8)
        self._up = (Adjacency(children, plain, size, 1), parents)
        self._down = (Adjacency(parents, plain, size, 1), children)
        self._ancestors: dict[int, frozenset[int]] = {}

    def ancestor_set(self, number: int) -> frozenset[int]:
        """Return the ancestors of a node, itself excluded."""
        known, begun, ahead = self._ancestors, set[int](), [number]
        while ahead:
            last = ahead[-1]
            adjacency, ends = self._up
            parents = () if last in known else ends[adjacency.rows(last, None)].tolist()
            missing = [parent for parent in parents if parent not in known]
            if last not in known and missing and last not in begun:
                begun.add(last)
                ahead += missing
                continue
            ahead.pop()
            if missing:  # a circle: what is above it can't be put together from its parts
                known[last] = frozenset(_reached(self._up, last))
            elif last not in known:
                known[last] = frozenset(parents).union(*(known[parent] for parent in parents)) - {last}
        return known[number]

    def ancestors(self, number: int) -> Numbers:
        """Return the ancestors of a node, itself excluded, ascending."""
        return _ascending(self.ancestor_set(number))

    def descendants(self, number: int) -> Numbers:
        """Return the descendants of a node, itself excluded, ascending."""
        return _ascending(_reached(self._down, number))


def _ascending(numbers: set[int] | frozenset[int]) -> Numbers:
    return np.sort(np.fromiter(numbers, dtype=np.int32, count=len(numbers)))


def _reached(way: tuple[Adjacency, Numbers], start: int) -> set[int]:
    adjacency, ends = way
    found: set[int] = set()
    ahead = [start]
    while ahead:
        for number in ends[adjacency.rows(ahead.pop(), None)].tolist():
            if number != start and number not in found:
                found.add(number)
                ahead.append(number)
    return found
