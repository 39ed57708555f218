"""Does a model that says 0.8 answer right in eight of ten? For backends that give log-probabilities of the labels."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from evalsuite.stats.clusters import Floats, Groups, Ints, members, summed
from evalsuite.stats.intervals import Estimate, mean

BINS = 10
RESAMPLES = 1_000
_CHUNK = 20


class CalibrationBin(NamedTuple):
    """Answers of like confidence: how sure they were on average, and how often they were right."""

    items: int
    confidence: float
    accuracy: Estimate


class Calibration(NamedTuple):
    """Expected calibration error and Brier score with their intervals, and the bins of a reliability plot.

    `ece_if_calibrated` is the ECE that a perfectly calibrated model with these confidences would show on so few items,
    on average: the ECE is never 0, and is a finding only beyond this.
    """

    ece: Estimate
    ece_if_calibrated: float
    brier: Estimate
    bins: tuple[CalibrationBin, ...]


def probabilities(logs: Floats) -> Floats:
    """From log-probabilities, shape (items, labels), -inf where an item has no such label, to shares that sum to 1."""
    rotated = np.exp(logs - logs.max(axis=1, keepdims=True))
    scaled: Floats = rotated / rotated.sum(axis=1, keepdims=True)
    return scaled


def calibration(chances: Floats, gold: Ints, groups: Groups, rng: np.random.Generator) -> Calibration:
    """Measure from label probabilities, shape (items, labels), and the gold label's column, shape (items,).

    ECE: the confidence is that of the likeliest label; ten bins of equal width; the mean over items of |accuracy -
    confidence| of the item's bin. Brier: the mean over items of the sum over labels of (probability - 1 if gold)^2,
    from 0 to 2, with the t interval of a cluster mean. The ECE of few items is above its truth, and resamples are above
    that again, so its interval is, from 1,000 cluster resamples: the upper percentile less the resamples' mean excess,
    and the lower percentile less `ece_if_calibrated`, so that a calibrated model's interval holds 0. It is cautious
    (simulated coverage of "95%": 95 to 100), where the plain percentile interval of a calibrated model covers nothing.
    Source: M. P. Naeini, G. F. Cooper and M. Hauskrecht, AAAI (2015); C. Guo et al., ICML (2017); G. W. Brier, Monthly
    Weather Review 78 (1950); the comparison with a calibrated model J. Broecker and L. A. Smith, Weather and
    Forecasting 22 (2007).
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
    away = summed(values - value, member)
    error = float(np.sqrt(clusters / (clusters - 1) * (away @ away))) / len(values)
    half = float(stdtrit(clusters - 1, 0.975)) * error
    return Estimate(value, value - half, value + half)


def _ece(
    confidence: Floats, right: Floats, place: Ints, member: Ints, rng: np.random.Generator
) -> tuple[Estimate, float]:
    items, clusters = len(right), int(member.max()) + 1
    gaps = np.zeros((clusters, BINS + 1))
    np.add.at(gaps, (member, place), confidence - right)
    gaps[:, BINS] = np.bincount(member)
    drawn, guessed = [], []
    for _ in range(RESAMPLES // _CHUNK):
        totals = rng.multinomial(clusters, np.full(clusters, 1 / clusters), size=_CHUNK).astype(np.float64) @ gaps
        drawn.append(np.abs(totals[:, :BINS]).sum(axis=1) / totals[:, BINS])
        luck = confidence - (rng.random(items) < confidence)
        guessed.append(float(np.abs(np.bincount(place, weights=luck)).sum()) / items)
    value, resampled = float(np.abs(gaps[:, :BINS].sum(axis=0)).sum()) / items, np.concatenate(drawn)
    low, high = np.quantile(resampled, (0.025, 0.975)).tolist()
    calibrated, excess = float(np.mean(guessed)), float(resampled.mean()) - value
    return Estimate(value, max(0.0, min(value, low - calibrated)), max(value, high - max(0.0, excess))), calibrated


def _bin(
    confidence: Floats, right: Floats, member: Ints, inside: np.ndarray[tuple[int], np.dtype[np.bool_]]
) -> CalibrationBin:
    own = np.unique(member[inside], return_inverse=True)[1].astype(np.int64)
    return CalibrationBin(int(inside.sum()), float(confidence[inside].mean()), mean(right[inside], own))
