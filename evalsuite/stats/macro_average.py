"""Averages over tasks, and sums of independent estimates in general."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import overload

from evalsuite.stats.intervals import Estimate


def combine(estimates: Sequence[Estimate], weights: Sequence[float]) -> Estimate:
    """Weighted sum of independent estimates, with an interval from their intervals (MOVER: square and add).

    low = sum - sqrt(sum over i of (w_i x distance from value i to the end that lowers the sum)^2), high likewise. The
    asymmetry of the parts is preserved, and a task at 0 or 1 keeps a width, which resampling inside each task loses.
    With two parts of weights 1 and -1 and Wilson intervals it is Newcombe's hybrid score interval of a difference.
    Source: G. Y. Zou and A. Donner, "Construction of confidence limits about effect measures", Statistics in Medicine
    27 (2008); R. G. Newcombe, Statistics in Medicine 17 (1998), method 10.
    """
    pairs = list(zip(estimates, weights, strict=True))
    # A negative weight swaps the ends: the high end of a part is what lowers the sum.
    value = math.fsum(weight * part.value for part, weight in pairs)
    below = math.hypot(*(weight * (part.value - (part.low if weight > 0 else part.high)) for part, weight in pairs))
    above = math.hypot(*(weight * ((part.high if weight > 0 else part.low) - part.value) for part, weight in pairs))
    return Estimate(value, value - below, value + above)


@overload
def macro(estimates: Sequence[Estimate]) -> Estimate: ...
@overload
def macro(estimates: Sequence[Estimate | None]) -> Estimate | None: ...
def macro(estimates: Sequence[Estimate | None]) -> Estimate | None:
    """Average over tasks, each with the same weight; None where a task is missing."""
    return _average(estimates, [1.0] * len(estimates))


@overload
def micro(estimates: Sequence[Estimate], items: Sequence[int]) -> Estimate: ...
@overload
def micro(estimates: Sequence[Estimate | None], items: Sequence[int]) -> Estimate | None: ...
def micro(estimates: Sequence[Estimate | None], items: Sequence[int]) -> Estimate | None:
    """Average over tasks, each with its number of items as weight; None where one is missing."""
    return _average(estimates, [float(count) for count in items])


def _average(estimates: Sequence[Estimate | None], weights: Sequence[float]) -> Estimate | None:
    present = [estimate for estimate in estimates if estimate is not None]
    if not present or len(present) < len(estimates):
        return None
    total = math.fsum(weights)
    return combine(present, [weight / total for weight in weights])
