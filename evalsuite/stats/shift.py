"""The same items with their options moved round: does the model answer the question, or the place?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from evalsuite.stats.clusters import Floats, Groups
from evalsuite.stats.estimate import Estimate, mean


class Robustness(NamedTuple):
    """Accuracy under each shift, the worst of them, the share of items that keep their answer, and Cochran's test.

    `same_text` is the share of items whose answer is the same text under every shift, right or wrong. `all_right` is
    the share right under every shift: what is left when luck of place is taken away. `p` is that of all shifts having
    the same accuracy; the worst of several is low by chance, and where p is large the worst is no finding.
    """

    shifts: tuple[Estimate, ...]
    worst: int
    same_text: Estimate
    all_right: Estimate
    p: float


def robustness(correct: Floats, texts: Sequence[Sequence[str | None]], groups: Groups) -> Robustness:
    """Measure from answers under each cyclic shift: `correct` of 0 and 1 and `texts`, both (shifts, items).

    An invalid answer has no text (None) and is never the same as another.
    Source: the shifted accuracies and "right under all" are circular evaluation, Y. Liu et al., "MMBench" (2023); the
    test W. G. Cochran, "The comparison of percentages in matched samples", Biometrika 37 (1950).
    """
    accuracies = tuple(mean(row, groups) for row in correct)
    same = [None not in answers and len(set(answers)) == 1 for answers in zip(*texts, strict=True)]
    return Robustness(
        shifts=accuracies,
        worst=min(range(len(accuracies)), key=lambda shift: accuracies[shift].value),
        same_text=mean(np.array(same, dtype=np.float64), groups),
        all_right=mean(correct.min(axis=0), groups),
        p=cochran(correct),
    )


def cochran(correct: Floats) -> float:
    """P-value of Cochran's Q over rows of 0 and 1 for the same items, shape (rows, items); 1 where nothing differs.

    Q = (m - 1)(m sum of R_j^2 - T^2) / (m T - sum of C_i^2), chi-square with m - 1 degrees of freedom: R_j the rows'
    sums, C_i the items', T the total. With two rows it is McNemar's test without correction.
    """
    from scipy.special import chdtrc

    rows, by_row, by_item = len(correct), correct.sum(axis=1), correct.sum(axis=0)
    total = float(correct.sum())
    noise = rows * total - float((by_item**2).sum())
    if noise <= 0:
        return 1.0
    statistic = (rows - 1) * (rows * float((by_row**2).sum()) - total**2) / noise
    return float(chdtrc(rows - 1, statistic))
