"""Position bias: the same items with their options rotated."""

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

    Where items differ in their number of options, a rotation covers only the items that have it, which may be harder
    ones: the worst rotation is the one with the lowest deviation from the same items' mean. `same_text` is the share of
    items whose answer is the same text under all their rotations, right or wrong. `all_right` is the share that is
    right in every rotation, which luck of position hardly contributes to. `p` tests that all rotations have the same
    accuracy; the worst of several is low by chance, so where p is large the worst rotation is no evidence of bias.
    """

    rotations: tuple[RotationAccuracy, ...]
    worst: int
    same_text: Estimate
    all_right: Estimate
    p: float


def robustness(correct: Floats, texts: NDArray[np.object_], groups: Groups) -> Robustness:
    """Measure from grades (0 or 1) and answer texts under each rotation, both of shape (rotations, items, samples).

    An item has as many rotations as options, the first ones; grades beyond them are nan. An invalid answer has no text
    (None) and equals no other. With several samples, sample k of each rotation is compared with sample k of the others,
    and an item counts with the mean over k.
    Source: the rotated accuracies and "right in every rotation" are circular evaluation, Y. Liu et al., "MMBench: Is
    your multi-modal model an all-around player?" (2023), section 4.
    """
    samples, member, scores = correct.shape[2], members(groups), correct.mean(axis=2)
    present = ~np.isnan(scores)
    rotations = tuple(_rotation_accuracy(row, scores, member, samples) for row in scores)
    same = [_same_text(texts[: int(count), item]) for item, count in enumerate(present.sum(axis=0))]
    return Robustness(
        rotations=rotations,
        worst=min(range(len(rotations)), key=lambda rotation: rotations[rotation].deviation),
        same_text=mean(np.array(same), member, samples),
        all_right=mean(np.nanmin(correct, axis=0).mean(axis=1), member, samples),
        p=cochran(scores),
    )


def _rotation_accuracy(row: Floats, scores: Floats, member: NDArray[np.int64], samples: int) -> RotationAccuracy:
    present = ~np.isnan(row)
    renumbered = np.unique(member[present], return_inverse=True)[1].astype(np.int64)
    accuracy = mean(row[present], renumbered, samples)
    expected = float(np.nanmean(scores[:, present], axis=0).mean())
    return RotationAccuracy(int(present.sum()), accuracy, accuracy.value - expected)


def _same_text(texts: NDArray[np.object_]) -> float:
    """Share of the samples whose text is the same in each rotation; `texts` has shape (rotations, samples)."""
    same = [None not in sample and len(set(sample)) == 1 for sample in texts.T]
    return sum(same) / len(same)


def cochran(scores: Floats) -> float:
    """P-value of Cochran's Q for scores of the same items in rows, shape (rows, items); 1 where nothing differs.

    An item may lack the last rows (nan). Q = S' V^-1 S with the rows' sums S of each score less its item's mean, and V
    their covariance if each item's scores were assigned to its rows at random; chi-square with (rows - 1) degrees of
    freedom. With all scores present, each 0 or 1, it is Cochran's test, and with two rows McNemar's without correction.
    Items are taken to be independent.
    Source: W. G. Cochran, "The comparison of percentages in matched samples", Biometrika 37 (1950); with missing scores
    A. Benard and Ph. van Elteren, "A generalization of the method of m rankings", Indagationes Mathematicae 15 (1953);
    for any scores M. J. Prentice, "On the problem of m incomplete rankings", Biometrika 66 (1979).
    """
    from scipy.special import chdtrc

    deviation = scores - np.nanmean(scores, axis=0)
    varying = np.nansum(deviation**2, axis=0) > 1e-12
    if not varying.any():
        return 1.0
    deviation = deviation[:, varying]
    present = (~np.isnan(deviation)).astype(np.float64)
    sizes, deviation = present.sum(axis=0), np.nan_to_num(deviation)
    rows = int(sizes.max())
    present, sums = present[:rows], deviation[:rows].sum(axis=1)
    # Under random assignment a score has the variance unit (n - 1) / n, and two of an item the covariance -unit / n.
    unit = (deviation**2).sum(axis=0) / (sizes - 1)
    covariance = np.diag(present @ unit) - (present * (unit / sizes)) @ present.T
    # The sums add up to 0, so the covariance is singular and one row is redundant; every item has the first.
    statistic = float(sums[1:] @ np.linalg.solve(covariance[1:, 1:], sums[1:]))
    return float(chdtrc(rows - 1, statistic))
