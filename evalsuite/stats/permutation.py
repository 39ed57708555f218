"""The paired sign-flip test: if A and B are exchangeable, a cluster's difference has either sign with equal chance."""

from __future__ import annotations

import math

import numpy as np

from evalsuite.stats.clusters import Floats, Ints

SMALLEST = 1e-12
"""The smallest p that is returned: below it the rounding of the transform is as large as the probability."""
_COST = 2**21
"""Grid points times distinct sums up to which the exact method is used: some 50 ms."""
_LARGEST_DENOMINATOR = 840
"""Sums with up to 8 samples per item, or a number of samples that divides 840, have a common denominator up to this."""


def sign_flip_test(sums: Floats) -> float:
    """Two-sided p of the paired sign-flip test on the clusters' summed differences.

    P(|sum of +-d_c| >= |sum of d_c|) over all 2^clusters signs, exactly: the sums of differences of k samples are
    multiples of 1/k, so the statistic lives on a grid, its characteristic function there is the product over distinct
    |d| of cos(w |d|)^count, and one Fourier transform gives all probabilities. With one sample and no groups this is
    McNemar's exact test. For sums without a common denominator, and for very many values, the saddlepoint approximation
    is used.
    Source: R. A. Fisher, "The Design of Experiments" (1935), section 21; the transform is that of M. Pagano and
    D. Tritchler, "On obtaining permutation distributions in polynomial time", JASA 78 (1983).
    """
    scale = float(np.abs(sums).max(initial=0.0))
    if scale <= 1e-12:
        return 1.0
    sizes, counts = np.unique(np.round(np.abs(sums) / scale, 9), return_counts=True)
    sizes, counts = sizes[sizes > 0], counts[sizes > 0]
    observed = abs(float(sums.sum())) / scale
    denominator = _denominator(sizes)
    steps = np.rint(sizes * denominator).astype(np.int64)
    if denominator == 0 or int(steps @ counts) * len(steps) > _COST:
        return saddlepoint(sizes, counts.astype(np.float64), observed)
    return _exact(steps, counts.astype(np.int64), round(observed * denominator))


def saddlepoint(sizes: Floats, counts: Floats, observed: float) -> float:
    """Two-sided p that |sum of +-size| is at least `observed`, by the Lugannani-Rice formula.

    The cumulant function is the sum of count x log cosh(t size). It is accurate to a few percent of p from ten signs
    on, also in the far tail, where a normal approximation fails. It assumes a continuous statistic: on a coarse grid,
    where the exact method is feasible, it counts only half of the probability of the observed value itself.
    Source: R. Lugannani and S. Rice, "Saddle point approximation for the distribution of the sum of independent random
    variables", Advances in Applied Probability 12 (1980); for permutations J. Robinson, JRSS B 44 (1982).
    """
    from scipy.special import ndtr

    reach, deviation = float(counts @ sizes), float(np.sqrt(counts @ sizes**2))
    if observed >= reach * (1 - 1e-9):  # all signs equal: there is no saddlepoint, and the probability is known
        return max(SMALLEST, math.ldexp(1.0, 1 - round(float(counts.sum()))))
    if observed <= 1e-4 * deviation:
        return 1.0
    tilt = _tilt(sizes, counts, observed)
    cumulant = float(counts @ (np.logaddexp(tilt * sizes, -tilt * sizes) - math.log(2)))
    curvature = float(counts @ (sizes / np.cosh(np.minimum(tilt * sizes, 300.0))) ** 2)
    w, u = math.sqrt(2 * (tilt * observed - cumulant)), tilt * math.sqrt(curvature)
    tail = float(ndtr(-w)) + math.exp(-w * w / 2) / math.sqrt(2 * math.pi) * (1 / u - 1 / w)
    return min(1.0, max(SMALLEST, 2 * tail))


def _tilt(sizes: Floats, counts: Floats, observed: float) -> float:
    """The saddlepoint: where the cumulant function's slope, the sum of count x size x tanh(t size), is `observed`."""
    low, high = 0.0, 1.0
    while float(counts @ (sizes * np.tanh(high * sizes))) < observed:
        high *= 2
    for _ in range(80):
        middle = (low + high) / 2
        if float(counts @ (sizes * np.tanh(middle * sizes))) < observed:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def _exact(steps: Ints, counts: Ints, observed: int) -> float:
    """Two-sided p of a statistic on the grid of integers, by the inverse transform of its characteristic function."""
    reach = int(steps @ counts)
    # The statistic takes integers from -reach to reach, so as many points determine its distribution without aliasing.
    points = 2 * reach + 1
    angle = 2 * np.pi / points * np.arange(reach + 1)
    transform = np.prod([np.cos(angle * step) ** count for step, count in zip(steps, counts, strict=True)], axis=0)
    chances = np.fft.irfft(transform, points)
    tail = float(chances[observed : reach + 1].sum())
    return min(1.0, max(SMALLEST, 2 * tail))


def _denominator(sizes: Floats) -> int:
    """The smallest number whose product with every size is an integer; 0 where none up to the largest is."""
    for candidate in range(1, _LARGEST_DENOMINATOR + 1):
        if np.abs(sizes * candidate - np.rint(sizes * candidate)).max() < 1e-6:
            return candidate
    return 0
