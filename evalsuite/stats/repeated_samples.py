"""Several answers to each item: avg@k and where its uncertainty comes from, pass@j, maj@k."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence, Set
from typing import NamedTuple

import numpy as np

from evalsuite.errors import UsageError
from evalsuite.stats.clusters import Floats, Groups, Ints
from evalsuite.stats.intervals import Estimate, jeffreys, mean


class RepeatedSampleAccuracy(NamedTuple):
    """avg@k: the mean score, for other items of this kind and for these items asked again.

    `estimate` is the accuracy with the interval that counts: what another draw of items and of answers would give.
    `rerun` has the interval of the same items asked again, narrower. `items` and `samples` are the two parts of the
    variance of the mean: from the choice of items, and from the choice of k answers to each.
    """

    estimate: Estimate
    rerun: Estimate
    items: float
    samples: float


def average(correct: Floats, groups: Groups) -> RepeatedSampleAccuracy:
    """avg@k of answers marked 0 or 1, shape (items, k), with its variance taken apart.

    With s2 the variance of item means and w the mean over items of p(1 - p) k / (k - 1), the unbiased variance of one
    answer to one item: from samples w / (items k), from items (s2 - w / k) / items, not below 0. With k = 1 they can't
    be told apart: both are nan, and the rerun interval is missing (nan).
    Source: one-way random-effects analysis of variance, S. R. Searle, G. Casella and C. E. McCulloch, "Variance
    Components" (1992), chapter 3; for evaluations E. Miller, "Adding error bars to evals" (2024), section 3.
    """
    items, k = correct.shape
    scores: Floats = correct.mean(axis=1)
    estimate = mean(scores, groups, k)
    if k == 1 or items < 2:
        return RepeatedSampleAccuracy(estimate, Estimate(estimate.value, math.nan, math.nan), math.nan, math.nan)
    answer = float((scores * (1 - scores)).mean()) * k / (k - 1)
    from_samples = answer / (items * k)
    from_items = max(0.0, float(scores.var(ddof=1)) / items - from_samples)
    spread = estimate.value * (1 - estimate.value)
    trials = spread / from_samples if from_samples > 0 else math.inf
    rerun = jeffreys(estimate.value, trials) if math.isfinite(trials) else Estimate(*[estimate.value] * 3)
    return RepeatedSampleAccuracy(estimate, rerun, from_items, from_samples)


def pass_at(right: Ints, k: int, j: int) -> Floats:
    """Chance that at least one of j answers is right, estimated without bias from `right` of k. Shape: (items,).

    1 - C(k - c, j) / C(k, j), as a product of ratios so that nothing overflows. Give the result to `estimate.mean`
    with samples = k for the task's pass@j and its interval.
    Source: M. Chen et al., "Evaluating large language models trained on code" (2021), equation 1.
    """
    if not 1 <= j <= k:
        raise UsageError(f"pass@{j} needs 1 <= j <= {k}, the number of samples of an item")
    wrong = (k - right)[:, None] - np.arange(j)
    missed: Floats = np.prod(np.clip(wrong, 0, None) / (k - np.arange(j)), axis=1)
    return 1.0 - missed


def majority(labels: Sequence[Sequence[str | None]], gold: Sequence[str | Set[str]]) -> Floats:
    """maj@k: 1 where the label given most often is gold; a tie is wrong unless all tied labels are gold.

    `labels` holds the k labels of each item, None where an answer was invalid: it votes for nothing, and an item
    without any valid answer is wrong. An item may have several gold labels (two options of the same text). Give the
    result to `estimate.mean`.
    Source: X. Wang et al., "Self-consistency improves chain of thought reasoning" (2022).
    """
    keys = ({key} if isinstance(key, str) else key for key in gold)
    return np.array([_elected(votes, key) for votes, key in zip(labels, keys, strict=True)], dtype=np.float64)


def _elected(votes: Sequence[str | None], gold: Set[str]) -> bool:
    count = Counter(vote for vote in votes if vote is not None)
    most = max(count.values(), default=0)
    return most > 0 and {label for label, times in count.items() if times == most} <= gold
