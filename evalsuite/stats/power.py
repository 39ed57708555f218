"""Power of paired comparisons: the minimum detectable difference and the items needed.

Both follow from the discordance, the share of items on which exactly one of two runs is right. Close models differ on
0.10 to 0.31 of the items of medical benchmarks. Everything is a fraction, not points.
"""

from __future__ import annotations

import math

PLANNED_DISCORDANCE = 0.2
POWER = 0.8
SIZE = 0.05
"""Two-sided size of a test of difference, and one-sided size of a gate."""


def detectable(items: float, discordance: float, power: float = POWER, size: float = SIZE) -> float:
    """The smallest true difference that the two-sided paired test finds with this power.

    (z[1 - size/2] + z[power]) sqrt(psi / n): a paired difference has the variance (psi - difference^2) / n, and the
    square, at most a few thousandths, is left out, which is conservative. No difference exceeds the discordance: where
    the result does, nothing is detectable.
    Source: O. Miettinen, "The matched pairs design in the case of all-or-none responses", Biometrics 24 (1968);
    E. Miller, "Adding error bars to evals" (2024), section 5.
    """
    return (quantile(1 - size / 2) + quantile(power)) * math.sqrt(discordance / items)


def power_at(difference: float, items: float, discordance: float, size: float = SIZE) -> float:
    """Chance that the two-sided paired test finds a true difference; at `detectable` it is the power given there.

    Phi(|difference| sqrt(n / psi) - z[1 - size/2]). A significant result in the wrong direction doesn't count.
    Source: as `detectable`.
    """
    return _normal(abs(difference) * math.sqrt(items / discordance) - quantile(1 - size / 2))


def required_items(difference: float, discordance: float, power: float = POWER, size: float = SIZE) -> int | None:
    """Items on which `detectable` is the given difference, rounded up; None for no difference, which no number finds.

    Source: as `detectable`, solved for n.
    """
    if difference == 0:
        return None
    return math.ceil(((quantile(1 - size / 2) + quantile(power)) / difference) ** 2 * discordance - 1e-9)


def noninferiority_power(margin: float, items: float, discordance: float, difference: float = 0.0) -> float:
    """Chance that a gate passes a candidate that truly differs by `difference` from its baseline.

    P(lower one-sided 95% bound > -margin) = Phi((difference + margin) sqrt(n / psi) - z[0.95]).
    Source: S. A. Julious, "Sample sizes for clinical trials with normal data", Statistics in Medicine 23 (2004),
    section 5, with the variance of a paired difference.
    """
    return _normal((difference + margin) * math.sqrt(items / discordance) - quantile(1 - SIZE))


def failure_power(margin: float, items: float, discordance: float, difference: float) -> float:
    """Chance that a gate fails a candidate that truly differs by `difference`, rather than being undecided.

    P(upper one-sided 95% bound < -margin) = Phi(-(difference + margin) sqrt(n / psi) - z[0.95]).
    """
    return _normal(-(difference + margin) * math.sqrt(items / discordance) - quantile(1 - SIZE))


def quantile(share: float) -> float:
    """Quantile of the standard normal distribution."""
    from scipy.special import ndtri

    return float(ndtri(share))


def _normal(z: float) -> float:
    from scipy.special import ndtr

    return float(ndtr(z))
