"""The same items with their options moved round: does the model answer the question, or the place?"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from evalsuite.stats.clusters import Floats, Groups, members
from evalsuite.stats.intervals import Estimate, mean


class RotationAccuracy(NamedTuple):
    """Accuracy on the items that have this rotation; `deviation` from that of the same items under all their
    rotations."""

    items: int
    accuracy: Estimate
    deviation: float


class Robustness(NamedTuple):
    """Accuracy under each rotation, the worst of them, the share of items that keep their answer, and Cochran's test.

    Where items differ in their number of options, a rotation is about those that have it, which may be harder ones: the
    worst rotation is the one furthest below the same items' mean. `same_text` is the share of items whose answer is the
    same text under all their rotations, right or wrong. `all_right` is the share right under all of them: what is left
    when luck of place is taken away. `p` is that of all rotations having the same accuracy; the worst of several is
    low by
    chance, and where p is large the worst is no finding.
    """

    rotations: tuple[RotationAccuracy, ...]
    worst: int
    same_text: Estimate
    all_right: Estimate
    p: float


def robustness(correct: Floats, texts: NDArray[np.object_], groups: Groups) -> Robustness:
    """Measure from answers under each cyclic rotation: verdicts 0 and 1 and texts, both of shape (rotations, items,
    samples).

    An item has the first so many rotations, one an option; verdicts beyond are nan. An invalid answer has no text
    (None)
    and is never the same as another. With several samples, sample k of each rotation is held against sample k of the
    others, and an item counts with the mean over k.
    Source: the rotated accuracies and "right under all" are circular evaluation, Y. Liu et al., "MMBench" (2023).
    """
    samples, member, scores = correct.shape[2], members(groups), correct.mean(axis=2)
    held = ~np.isnan(scores)
    rotations = tuple(_shift(row, scores, member, samples) for row in scores)
    same = [_kept(texts[: int(count), item]) for item, count in enumerate(held.sum(axis=0))]
    return Robustness(
        rotations=rotations,
        worst=min(range(len(rotations)), key=lambda rotation: rotations[rotation].deviation),
        same_text=mean(np.array(same), member, samples),
        all_right=mean(np.nanmin(correct, axis=0).mean(axis=1), member, samples),
        p=cochran(scores),
    )


def _shift(row: Floats, scores: Floats, member: NDArray[np.int64], samples: int) -> RotationAccuracy:
    own = ~np.isnan(row)
    inside = np.unique(member[own], return_inverse=True)[1].astype(np.int64)
    accuracy = mean(row[own], inside, samples)
    return RotationAccuracy(int(own.sum()), accuracy, accuracy.value - float(np.nanmean(scores[:, own], axis=0).mean()))


def _kept(texts: NDArray[np.object_]) -> float:
    """Share of the samples whose text is the same in each row."""
    kept = [None not in column and len(set(column)) == 1 for column in texts.T]
    return sum(kept) / len(kept)


def cochran(scores: Floats) -> float:
    """P-value of Cochran's Q for scores of the same items in rows, shape (rows, items); 1 where nothing differs.

    An item may lack the last rows (nan). Q = S' V^-1 S with the rows' sums S of what a score is above its item's mean,
    and V their covariance were each item's scores dealt to its rows at random; chi-square with (rows - 1) degrees of
    freedom. With all scores there and each 0 or 1 it is Cochran's own, with two rows McNemar's without correction.
    Items are taken to be independent.
    Source: W. G. Cochran, "The comparison of percentages in matched samples", Biometrika 37 (1950); with scores absent
    A. Benard and Ph. van Elteren, "A generalization of the method of m rankings", Indagationes Mathematicae 15 (1953),
    for any scores M. J. Prentice, "On the problem of m incomplete rankings", Biometrika 66 (1979).
    """
    from scipy.special import chdtrc

    away = scores - np.nanmean(scores, axis=0)
    varying = np.nansum(away**2, axis=0) > 1e-12
    if not varying.any():
        return 1.0
    away = away[:, varying]
    held = (~np.isnan(away)).astype(np.float64)
    sizes, away = held.sum(axis=0), np.nan_to_num(away)
    rows = int(sizes.max())
    held, sums = held[:rows], away[:rows].sum(axis=1)
    unit = (away**2).sum(axis=0) / (sizes - 1)
    covariance = np.diag(held @ unit) - (held * (unit / sizes)) @ held.T
    # The sums add up to 0, so one row says nothing new; every item has the first.
    statistic = float(sums[1:] @ np.linalg.solve(covariance[1:, 1:], sums[1:]))
    return float(chdtrc(rows - 1, statistic))
