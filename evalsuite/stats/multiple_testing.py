"""Adjustment of p-values for the number of tests: the smallest of many is small by chance."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from evalsuite.stats.clusters import Floats


class HolmFamily(NamedTuple):
    """Adjusted p-values in the order given, and the name of the family they were adjusted within."""

    name: str
    p: Floats


def holm(p: Sequence[float], family: str) -> HolmFamily:
    """Holm's step-down adjustment; the chance of any false finding in the family stays below the level.

    The i-th smallest of m becomes the largest of (m - j + 1) p_j over j <= i, at most 1. `family` describes the tests
    that the reader sees together: "5 tasks", "66 pairs of 12 models".
    Source: S. Holm, "A simple sequentially rejective multiple test procedure", Scand. J. Statistics 6 (1979).
    """
    raw = np.asarray(p, dtype=np.float64)
    order = np.argsort(raw, kind="stable")
    adjusted = np.empty_like(raw)
    adjusted[order] = np.minimum(1.0, np.maximum.accumulate(raw[order] * np.arange(len(raw), 0, -1)))
    return HolmFamily(family, adjusted)
