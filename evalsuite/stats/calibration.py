"""Calibration: whether the label probabilities of a model match how often it is right."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from evalsuite.stats.clusters import Floats, Groups, Ints, members, summed
from evalsuite.stats.intervals import Estimate, mean

BINS = 10
RESAMPLES = 1_000
_CHUNK = 20


class CalibrationBin(NamedTuple):
    """Answers of similar confidence: their mean confidence, and the share of them that is right."""

    items: int
    confidence: float
    accuracy: Estimate


class Calibration(NamedTuple):
    """Expected calibration error and Brier score with their intervals, and the bins of a reliability plot.

    `ece_if_calibrated` is the mean ECE of a perfectly calibrated model with these confidences on as many items. The ECE
    of a sample is never 0, so it is evidence of miscalibration only beyond this.
    """

    ece: Estimate
    ece_if_calibrated: float
    brier: Estimate
    bins: tuple[CalibrationBin, ...]


def probabilities(logs: Floats) -> Floats:
    """Softmax of log-probabilities, shape (items, labels), which are -inf where an item has no such label."""
    # Less the largest one, so that no exponential overflows and the sum is at least 1.
    exponentials = np.exp(logs - logs.max(axis=1, keepdims=True))
    shares: Floats = exponentials / exponentials.sum(axis=1, keepdims=True)
    return shares


def calibration(chances: Floats, gold: Ints, groups: Groups, rng: np.random.Generator) -> Calibration:
    """Measure from label probabilities, shape (items, labels), and the gold label's column, shape (items,).

    ECE: the confidence is that of the likeliest label; ten bins of equal width; the mean over items of |accuracy -
    confidence| of the item's bin. Brier: the mean over items of the sum over labels of (probability - 1 if gold)^2,
    from 0 to 2, with the t interval of a cluster mean. The interval of the ECE is bias-corrected, as `_ece` explains.
    Source: M. P. Naeini, G. F. Cooper and M. Hauskrecht, AAAI (2015); C. Guo et al., ICML (2017), equation
    3; G. W. Brier, Monthly Weather Review 78 (1950).
    """
    member, answer = members(groups), chances.argmax(axis=1)
    confidence: Floats = chances[np.arange(len(gold)), answer]
    right: Floats = (answer == gold).astype(np.float64)
    place = np.minimum((confidence * BINS).astype(np.int64), BINS - 1)
    hit = np.arange(chances.shape[1]) == gold[:, None]
    return Calibration(
        *_ece(confidence, right, place, member, rng),
        cluster_t(((chances - hit) ** 2).sum(axis=1), member),
        tuple(_bin(confidence, right, member, place == number) for number in range(BINS) if (place == number).any()),
    )


def cluster_t(values: Floats, member: Ints) -> Estimate:
    """Mean of values of any scale with the 95% t interval of a ratio of cluster totals; no width from one cluster.

    variance = C / (C - 1) sum over clusters of (their sum - mean x their size)^2 / items^2, C - 1 degrees of freedom.
    Source: W. G. Cochran, "Sampling Techniques" (3rd ed. 1977), section 9A.
    """
    from scipy.special import stdtrit

    value, clusters = float(values.mean()), int(member.max()) + 1
    if clusters == 1:
        return Estimate(value, value, value)
    deviation = summed(values - value, member)
    error = float(np.sqrt(clusters / (clusters - 1) * (deviation @ deviation))) / len(values)
    half = float(stdtrit(clusters - 1, 0.975)) * error
    return Estimate(value, value - half, value + half)


def _ece(
    confidence: Floats, right: Floats, place: Ints, member: Ints, rng: np.random.Generator
) -> tuple[Estimate, float]:
    """ECE with a bias-corrected cluster bootstrap interval, and the mean ECE of a calibrated model.

    The ECE is a mean of absolute values, so the noise of few items never cancels: the estimate is above the truth, and
    the ECE of a resample is above the estimate again. The plain percentile interval of a calibrated model therefore
    never contains its true 0. Each end is corrected for the bias that matters there, from 1,000 cluster resamples:

    - upper end: the 97.5% quantile less the resamples' mean excess over the estimate, which stands for the estimate's
      excess over the truth;
    - lower end: the 2.5% quantile less the mean ECE of a calibrated model, so that such a model's interval contains 0.

    It is cautious: simulated coverage of the "95%" is 95 to 100%.
    Source of the correction: B. Efron and R. J. Tibshirani, "An Introduction to the Bootstrap" (1993), chapter 10; of
    the comparison with a calibrated model: J. Broecker and L. A. Smith, Weather and Forecasting 22 (2007).
    """
    items, clusters = len(right), int(member.max()) + 1
    # Everything that a resample needs: each cluster's sum of (confidence - right) in each bin, and its number of items.
    gaps = np.zeros((clusters, BINS + 1))
    np.add.at(gaps, (member, place), confidence - right)
    gaps[:, BINS] = np.bincount(member)
    resampled_parts, calibrated_values = [], []
    for _ in range(RESAMPLES // _CHUNK):
        # A resample of clusters is a multinomial draw of how often each occurs; a chunk of them is one product.
        totals = rng.multinomial(clusters, np.full(clusters, 1 / clusters), size=_CHUNK).astype(np.float64) @ gaps
        resampled_parts.append(np.abs(totals[:, :BINS]).sum(axis=1) / totals[:, BINS])
        # A calibrated model is right with a probability equal to its confidence.
        gap = confidence - (rng.random(items) < confidence)
        calibrated_values.append(float(np.abs(np.bincount(place, weights=gap)).sum()) / items)
    value, resampled = float(np.abs(gaps[:, :BINS].sum(axis=0)).sum()) / items, np.concatenate(resampled_parts)
    low, high = np.quantile(resampled, (0.025, 0.975)).tolist()
    calibrated, excess = float(np.mean(calibrated_values)), float(resampled.mean()) - value
    interval = Estimate(value, max(0.0, min(value, low - calibrated)), max(value, high - max(0.0, excess)))
    return interval, calibrated


def _bin(
    confidence: Floats, right: Floats, member: Ints, inside: np.ndarray[tuple[int], np.dtype[np.bool_]]
) -> CalibrationBin:
    renumbered = np.unique(member[inside], return_inverse=True)[1].astype(np.int64)
    return CalibrationBin(int(inside.sum()), float(confidence[inside].mean()), mean(right[inside], renumbered))
