"""Coverage of intervals: the tables in evalsuite/stats/intervals.py and paired_difference.py.

    python benchmarks/interval_coverage.py            both tables, a few minutes on one core

Single items are enumerated, weighted by the binomial or trinomial probability of each outcome, so the only noise is
that of the bootstrap's resamples. Grouped items are simulated.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator

import numpy as np

from evalsuite.stats.bootstrap import bca, percentile
from evalsuite.stats.clusters import Floats, Ints, cells
from evalsuite.stats.intervals import Estimate, mean, wilson
from evalsuite.stats.paired_difference import tango

SIZES, SHARES = (50, 200, 1273, 5621), (0.2, 0.6, 0.93)
DATA_SETS = 2_000
Interval = Callable[[Floats, Ints], Estimate]


def bootstrapped(method: Callable[..., Estimate], seed: int = 0) -> Interval:
    rng = np.random.default_rng(seed)
    return lambda scores, member: method(cells(scores, member), rng)


METHODS: dict[str, Interval] = {
    "this": mean,
    "Wilson": lambda scores, _: wilson(float(scores.sum()), len(scores)),
    "percentile": bootstrapped(percentile),
    "BCa": bootstrapped(bca),
}


def single(n: int, share: float, interval: Interval) -> float:
    """Coverage over independent items, by enumeration."""
    from scipy.stats import binom

    chances, alone, covered = binom.pmf(np.arange(n + 1), n, share), np.arange(n), 0.0
    for right in np.flatnonzero(chances > 1e-6):
        estimate = interval((alone < right).astype(np.float64), alone)
        covered += chances[right] * (estimate.low <= share <= estimate.high)
    return covered / float(chances[chances > 1e-6].sum())


def grouped(n: int, share: float, intervals: dict[str, Interval], design: str, seed: int = 0) -> dict[str, float]:
    """Coverage over groups whose items share a beta-distributed chance, by simulation."""
    rng = np.random.default_rng(seed)
    member, correlation = layout(n, design)
    scale, covered = (1 - correlation) / correlation, dict.fromkeys(intervals, 0)
    for _ in range(DATA_SETS):
        chance = rng.beta(share * scale, (1 - share) * scale, int(member.max()) + 1)
        scores = (rng.random(n) < chance[member]).astype(np.float64)
        for name, interval in intervals.items():
            estimate = interval(scores, member)
            covered[name] += estimate.low <= share <= estimate.high
    return {name: count / DATA_SETS for name, count in covered.items()}


def layout(n: int, design: str) -> tuple[Ints, float]:
    """Clusters of n items and their intraclass correlation: a few triples among single items, or all in pairs."""
    sizes, correlation = ([1] * 9 + [3], 0.8) if design == "few" else ([2], 0.5)
    repeated = np.repeat(np.arange(n), np.resize(sizes, n))[:n]
    return repeated.astype(np.int64), correlation


def paired() -> Iterator[str]:
    """Rows of coverage of a paired difference of single items: Tango, percentile, Wald."""
    from scipy.stats import multinomial

    rng = np.random.default_rng(0)
    for n in (50, 200, 1273):
        for discordance, delta in ((0.1, 0.0), (0.1, 0.03), (0.2, 0.03), (0.2, -0.1)):
            shares = [(discordance + delta) / 2, (discordance - delta) / 2, 1 - discordance]
            a, b = (grid.ravel() for grid in np.meshgrid(np.arange(n // 2), np.arange(n // 2)))
            a, b = a[a + b <= n], b[a + b <= n]
            chances = multinomial.pmf(np.column_stack([a, b, n - a - b]), n, shares)
            covered = np.zeros(3)
            for x, y, chance in zip(a[chances > 1e-6], b[chances > 1e-6], chances[chances > 1e-6], strict=True):
                value, half = (x - y) / n, 1.96 * np.sqrt(x + y - (x - y) ** 2 / n) / n
                drawn = rng.multinomial(n, [x / n, y / n, 1 - (x + y) / n], 2000)
                low, high = np.quantile((drawn[:, 0] - drawn[:, 1]) / n, (0.025, 0.975))
                score = tango(x, y, n)
                ends = ((score.low, score.high), (low, high), (value - half, value + half))
                covered += [chance * (low <= delta <= high) for low, high in ends]
            yield row(n, discordance, delta, *(100 * covered / chances[chances > 1e-6].sum()))


def row(*cells_: float) -> str:
    return "  ".join(f"{cell:8g}" if float(cell).is_integer() else f"{cell:8.2f}" for cell in cells_)


def main() -> None:
    print("       n  accuracy | single:", *METHODS, "| few triples:", *METHODS, "| pairs:", *METHODS)
    for n in SIZES:
        for share in SHARES:
            coverage = [100 * single(n, share, interval) for interval in METHODS.values()]
            for design in ("few", "pairs"):
                coverage += [100 * value for value in grouped(n, share, METHODS, design).values()]
            print(row(n, share, *coverage))
            sys.stdout.flush()
    print("       n  discordance  difference  Tango  percentile  Wald")
    for line in paired():
        print(line)
        sys.stdout.flush()


if __name__ == "__main__":
    main()
