"""Arithmetic on printed percentages: is one a whole number of n items, and how telling is it that many are?

GRIM: N. J. L. Brown and J. A. J. Heathers, "The GRIM test", Social Psychological and Personality Science 8 (2017).
Everything is exact, in integers and fractions of what was printed; rounding of halves may have gone either way.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction
from functools import cache
from math import ceil, floor, prod

TOLD = Fraction(1, 1000)
"""Findings that rest on chance are told when chance alone does it at most this often."""
_AROUND = Fraction(1, 10)


def decimals(printed: str) -> int:
    """Count the digits behind the point."""
    return len(printed.partition(".")[2])


def half(printed: str) -> Fraction:
    """Give the largest error that rounding to the printed digits can have made."""
    return Fraction(1, 2 * 10 ** decimals(printed))


def counts(printed: str, n: int) -> range:
    """List the numbers of correct items out of n that print as this percentage."""
    value, error = Fraction(printed), half(printed)
    return range(ceil((value - error) * n / 100), floor((value + error) * n / 100) + 1)


def fits(printed: str, n: int) -> bool:
    """Tell whether a percentage is a whole number of n items at the printed precision."""
    return bool(counts(printed, n))


def truncated(printed: str, n: int) -> bool:
    """Tell whether a percentage is a whole number of n items with the digits behind it cut off, not rounded."""
    value = Fraction(printed)
    return ceil(value * n / 100) < (value + 2 * half(printed)) * n / 100


def beside(printed: str, n: int) -> str:
    """Spell out why a percentage is no whole number of n items: the two counts beside it and what they print as."""
    items = Fraction(printed) * n / 100
    low, digits = floor(items), decimals(printed)
    near = " and ".join(f"{k} is {100 * k / n:.{digits}f}" for k in (low, low + 1))
    return f"{printed}% of {n:,} is {float(items):.2f} items; {near}"


def share(n: int, digits: int) -> Fraction:
    """Give the share of all percentages with so many digits that are a whole number of n items.

    Counts out of n print differently as long as there are no more of them than percentages.
    """
    return min(Fraction(1), Fraction(n, 100 * 10**digits))


@cache
def coarse_share(n: int, coarse: int, digits: int) -> Fraction:
    """Give the share of the counts 1 to n whose percentage is a whole number of `coarse` items too."""
    scale = 10**digits
    printed = ((200 * scale * k + n) // (2 * n) for k in range(1, n + 1))
    both = sum(_whole(2 * value - 1, 2 * value + 1, coarse, 200 * scale) for value in printed)
    return Fraction(both, n)


def _whole(low: int, high: int, n: int, scale: int) -> bool:
    """Tell whether a whole number lies between n * low / scale and n * high / scale."""
    return -(-n * low // scale) <= n * high // scale


def by_chance(printed: Iterable[str], n: int) -> Fraction:
    """Give the probability that percentages drawn at random would all be whole numbers of n items."""
    return prod((share(n, decimals(p)) for p in printed), start=Fraction(1))


def granularity(printed: Sequence[str], n: int) -> tuple[int, Fraction] | None:
    """Find the smallest divisor of n that all percentages fit, with the probability of that among counts out of n.

    None where chance explains it. Ten multiples of 0.2 are one in 2**10 at n = 1,000: the granularity of 500.
    """
    for coarse in range(1, n):
        if n % coarse == 0 and all(fits(p, coarse) for p in printed):
            chance = prod((coarse_share(n, coarse, decimals(p)) for p in printed), start=Fraction(1))
            return (coarse, chance) if chance <= TOLD else None
    return None


def near(printed: Sequence[str], n: int) -> list[int]:
    """Search the numbers within a tenth of n for those that all percentages fit; none where chance would find one."""
    tried = range(max(1, ceil(n * (1 - _AROUND))), floor(n * (1 + _AROUND)) + 1)
    if sum(by_chance(printed, m) for m in tried) > TOLD:
        return []
    return [m for m in tried if all(fits(p, m) for p in printed)]


def odds(chance: Fraction) -> str:
    """Write a small probability as a reader says it."""
    one_in = floor(1 / chance)
    power = len(str(one_in)) - 1
    return f"1 in {one_in:,}" if power < 7 else f"1 in {one_in // 10**power} x 10^{power}"
