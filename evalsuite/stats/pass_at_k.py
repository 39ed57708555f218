"""Several samples of each item: avg@k and the sources of its variance, pass@j, maj@k."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence, Set
from typing import NamedTuple

import numpy as np

from evalsuite.stats.clusters import Floats, Groups, Ints
from evalsuite.stats.intervals import Estimate, jeffreys, mean


class RepeatedSampleAccuracy(NamedTuple):
    """avg@k: the mean score, for other items of this kind and for new samples of the same items.

    `estimate` is the accuracy with the interval that counts: what another draw of items and of samples would give.
    `rerun` has the narrower interval for the same items with new samples. `items` and `samples` are the two parts of
    the variance of the mean: from the choice of items, and from the k samples of each.
    """

    estimate: Estimate
    rerun: Estimate
    items: float
    samples: float


def average(correct: Floats, groups: Groups) -> RepeatedSampleAccuracy:
    """avg@k of samples graded 0 or 1, shape (items, k), with the two parts of its variance.

    With s2 the variance of item means and w the mean over items of p(1 - p) k / (k - 1), the unbiased variance of one
    sample of one item: from samples w / (items k), from items (s2 - w / k) / items, not below 0. With k = 1 the parts
    can't be separated: both are nan, and the rerun interval is missing (nan).
    Source: one-way random-effects analysis of variance, S. R. Searle, G. Casella and C. E. McCulloch, "Variance
    Components" (1992), chapter 3; for evaluations E. Miller, "Adding error bars to evals" (2024), section 3.
    """
    items, k = correct.shape
    scores: Floats = correct.mean(axis=1)
    estimate = mean(scores, groups, k)
    if k == 1 or items < 2:
        return RepeatedSampleAccuracy(estimate, Estimate(estimate.value, math.nan, math.nan), math.nan, math.nan)
    sample_variance = float((scores * (1 - scores)).mean()) * k / (k - 1)
    from_samples = sample_variance / (items * k)
    from_items = max(0.0, float(scores.var(ddof=1)) / items - from_samples)
    spread = estimate.value * (1 - estimate.value)
    trials = spread / from_samples if from_samples > 0 else math.inf
    rerun = jeffreys(estimate.value, trials) if math.isfinite(trials) else Estimate(*[estimate.value] * 3)
    return RepeatedSampleAccuracy(estimate, rerun, from_items, from_samples)


def pass_at(right: Ints, k: int) -> Floats:
    """Chance that at least one of j samples is right, for each j from 1 to k. Shape: (items, k).

    `right`, of shape (items,), counts the right ones of k samples. The unbiased estimator is 1 - C(k - c, j) / C(k, j)
    for c right samples, here as a running product of ratios, which can't overflow. A column's mean over items, by
    `intervals.mean` with samples = k, is the task's pass@j with its interval.
    Source: M. Chen et al., "Evaluating large language models trained on code" (2021), equation 1.
    """
    drawn = np.arange(k)
    # All of j samples are wrong: the first with (k - c) / k, the next with (k - c - 1) / (k - 1), and so on.
    wrong = np.clip((k - right)[:, None] - drawn, 0, None) / (k - drawn)
    missed: Floats = np.cumprod(wrong, axis=1)
    return 1.0 - missed


def majority(labels: Sequence[Sequence[str | None]], gold: Sequence[str | Set[str]]) -> Floats:
    """maj@k: 1 where the most frequent label is gold; a tie is wrong unless all tied labels are gold. Shape: (items,).

    `labels` holds the k labels of each item, None for an invalid answer: it votes for no label, and an item without
    any valid answer is wrong. An item may have several gold labels (two options of the same text), or none.
    Source: X. Wang et al., "Self-consistency improves chain of thought reasoning" (2022).
    """
    keys = ({key} if isinstance(key, str) else key for key in gold)
    return np.array([_elected(votes, key) for votes, key in zip(labels, keys, strict=True)], dtype=np.float64)


def _elected(votes: Sequence[str | None], gold: Set[str]) -> bool:
    count = Counter(vote for vote in votes if vote is not None)
    most = max(count.values(), default=0)
    return most > 0 and {label for label, times in count.items() if times == most} <= gold
