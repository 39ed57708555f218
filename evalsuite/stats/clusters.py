"""Clusters of items: their numbering, the design effect, and the counts that a cluster bootstrap draws from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Groups = Sequence[str] | Ints
"""The group of each item: names, where an item with an empty one is a cluster alone, or the result of `members`."""


def members(groups: Groups) -> Ints:
    """Number the clusters from 0 in the order of their first item. Shape: (items,)."""
    if isinstance(groups, np.ndarray) and groups.dtype.kind == "i":
        return groups.astype(np.int64)
    numbers: dict[str | int, int] = {}
    # An item without a group is its own cluster, identified by its position, which no name equals.
    clusters = (numbers.setdefault(group or position, len(numbers)) for position, group in enumerate(groups))
    return np.fromiter(clusters, np.int64, len(groups))


def summed(scores: Floats, member: Ints) -> Floats:
    """Sum of the scores of each cluster. Shape: (clusters,)."""
    return np.bincount(member, weights=scores).astype(np.float64)


def design_effect(scores: Floats, member: Ints) -> float:
    """The factor by which the variance of the mean grows because items of a cluster are alike; at least 1.

    1 + rho (sum of squared cluster sizes / items - 1), with the intraclass correlation rho = 1 - (mean squared
    difference of two items of one cluster) / (that of two items of different clusters), never below 0. Both are
    unbiased U-statistics. Where nothing varies rho can't be estimated and is taken to be 1, the worst case.
    Source: L. Kish, "Survey Sampling" (1965), section 8.2; for pairwise estimators of rho M. S. Ridout, C. G. B.
    Demetrio and D. Firth, Biometrics 55 (1999).
    """
    sizes = np.bincount(member).astype(np.float64)
    items, squares = float(sizes.sum()), float((sizes**2).sum())
    if squares <= items:
        return 1.0
    sums = summed(scores, member)
    within = 2 * float((sizes * summed(scores**2, member) - sums**2).sum())
    total = 2 * (items * float((scores**2).sum()) - float(sums.sum()) ** 2)
    between_pairs = items**2 - squares
    rho = 1.0
    if between_pairs and total - within > 1e-9 * items:
        rho = 1 - within / (squares - items) / ((total - within) / between_pairs)
    return 1 + min(1.0, max(0.0, rho)) * (squares / items - 1)


class ClusterCells(NamedTuple):
    """The distinct (sum, size) of clusters and how many clusters have each; all of shape (cells,)."""

    sums: Floats
    sizes: Floats
    counts: Ints

    @property
    def mean(self) -> float:
        """Mean over items."""
        return float(self.counts @ self.sums) / float(self.counts @ self.sizes)


def cells(scores: Floats, member: Ints) -> ClusterCells:
    """Count clusters by the sum of their scores, rounded to 1e-9, and their size."""
    sizes = np.bincount(member)
    # Sums of shares such as 1/3 differ in their last bits, so they are rounded before they are compared.
    levels, level = np.unique(np.round(summed(scores, member), 9), return_inverse=True)
    widths, width = np.unique(sizes, return_inverse=True)
    counts = np.bincount(level * len(widths) + width, minlength=len(levels) * len(widths))
    (used,) = np.nonzero(counts)
    return ClusterCells(levels[used // len(widths)], widths[used % len(widths)].astype(np.float64), counts[used])
