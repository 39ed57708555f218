"""The GRIM test: whether printed percentages are whole numbers of n items, and how likely that is by chance.

N. J. L. Brown and J. A. J. Heathers, "The GRIM test", Social Psychological and Personality Science 8 (2017).
All arithmetic is exact, in integers and fractions of the printed digits; halves may have been rounded either way.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction
from functools import cache
from math import ceil, floor, prod

MAX_CHANCE = Fraction(1, 1000)
"""A finding that could be a coincidence is reported if its probability by chance is at most this."""
_SEARCH_RADIUS = Fraction(1, 10)


def decimals(printed: str) -> int:
    """Return the number of digits behind the decimal point."""
    return len(printed.partition(".")[2])


def rounding_error(printed: str) -> Fraction:
    """Return the largest error that rounding to the printed digits can have made."""
    return Fraction(1, 2 * 10 ** decimals(printed))


def counts(printed: str, n: int) -> range:
    """Return the numbers of correct items out of n that print as this percentage."""
    value, error = Fraction(printed), rounding_error(printed)
    return range(ceil((value - error) * n / 100), floor((value + error) * n / 100) + 1)


def fits(printed: str, n: int) -> bool:
    """Return whether a percentage is a whole number of n items at the printed precision."""
    return bool(counts(printed, n))


def truncated(printed: str, n: int) -> bool:
    """Return whether a percentage is a whole number of n items whose further digits were cut off instead of rounded."""
    value = Fraction(printed)
    return ceil(value * n / 100) < (value + 2 * rounding_error(printed)) * n / 100


def nearest_counts(printed: str, n: int) -> str:
    """Explain why a percentage is no whole number of n items: the two nearest counts and their percentages."""
    items = Fraction(printed) * n / 100
    low, digits = floor(items), decimals(printed)
    near = " and ".join(f"{k} is {100 * k / n:.{digits}f}" for k in (low, low + 1))
    return f"{printed}% of {n:,} is {float(items):.2f} items; {near}"


def share(n: int, digits: int) -> Fraction:
    """Return the share of all percentages with this many digits that are a whole number of n items.

    Each count out of n prints as a percentage of its own as long as there are no more counts than percentages.
    """
    return min(Fraction(1), Fraction(n, 100 * 10**digits))


@cache
def coarse_share(n: int, coarse: int, digits: int) -> Fraction:
    """Return the share of the counts 1 to n whose percentage is also a whole number of `coarse` items."""
    scale = 10**digits
    printed = ((200 * scale * k + n) // (2 * n) for k in range(1, n + 1))
    both = sum(_contains_integer(2 * value - 1, 2 * value + 1, coarse, 200 * scale) for value in printed)
    return Fraction(both, n)


def _contains_integer(low: int, high: int, n: int, scale: int) -> bool:
    """Return whether there is a whole number from n * low / scale to n * high / scale."""
    return -(-n * low // scale) <= n * high // scale


def by_chance(printed: Iterable[str], n: int) -> Fraction:
    """Return the probability that percentages drawn at random would all be whole numbers of n items."""
    return prod((share(n, decimals(p)) for p in printed), start=Fraction(1))


def granularity(printed: Sequence[str], n: int) -> tuple[int, Fraction] | None:
    """Return the smallest divisor of n that all percentages fit, with the probability of that among counts out of n.

    None if chance explains it. Ten multiples of 0.2 are one in 2**10 at n = 1,000: the granularity of 500.
    """
    for coarse in range(1, n):
        if n % coarse == 0 and all(fits(p, coarse) for p in printed):
            chance = prod((coarse_share(n, coarse, decimals(p)) for p in printed), start=Fraction(1))
            return (coarse, chance) if chance <= MAX_CHANCE else None
    return None


def search_n(printed: Sequence[str], n: int) -> list[int]:
    """Return the numbers within a tenth of n that all percentages fit; none if some would fit by chance."""
    tried = range(max(1, ceil(n * (1 - _SEARCH_RADIUS))), floor(n * (1 + _SEARCH_RADIUS)) + 1)
    if sum(by_chance(printed, m) for m in tried) > MAX_CHANCE:
        return []
    return [m for m in tried if all(fits(p, m) for p in printed)]


def odds(chance: Fraction) -> str:
    """Format a small probability as "1 in N"."""
    one_in = floor(1 / chance)
    power = len(str(one_in)) - 1
    return f"1 in {one_in:,}" if power < 7 else f"1 in {one_in // 10**power} x 10^{power}"
