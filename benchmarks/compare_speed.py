"""Time of comparing two runs.

    evalsuite run --model trivial/random --suite all --data-dir DATA --out A
    evalsuite run --model trivial/longest --suite all --data-dir DATA --out B
    python benchmarks/compare_speed.py A B

The bound: two runs over all items, with 10,000 resamples, in less than 0.5 s after import. Measured separately: reading
and pairing, the comparison (Tango's interval and the exact test, which need no resampling), a gate without a policy,
and 10,000 resamples of the paired cluster bootstrap on each task, percentile and BCa, with which the comparison's
intervals are compared. Prints medians of nine; exits with 1 where reading, comparison and percentile resamples together
exceed the bound.
"""

import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import numpy as np

from evalsuite.analysis.comparability import Pairing, pair
from evalsuite.analysis.compare import compare
from evalsuite.analysis.run_result import read_result
from evalsuite.gate import GatePolicy, gate
from evalsuite.stats.bootstrap import RESAMPLES, bca, percentile
from evalsuite.stats.clusters import cells
from evalsuite.stats.intervals import Estimate

LIMIT = 0.5
TIMES = 9


def resampled(pairing: Pairing, interval: Callable[..., Estimate]) -> list[Estimate]:
    rng = np.random.default_rng(0)
    differences = ((np.subtract(*each.scores("strict")), each.member) for each in pairing.pairs)
    return [interval(cells(delta, member), rng, RESAMPLES) for delta, member in differences]


def seconds(work: Callable[[], object]) -> float:
    durations = []
    for _ in range(TIMES):
        start = time.perf_counter()
        work()
        durations.append(time.perf_counter() - start)
    return median(durations)


def main() -> int:
    a, b = Path(sys.argv[1]), Path(sys.argv[2])

    def read() -> Pairing:
        return pair(read_result(a), read_result(b), allow=["decoding"])

    start = time.perf_counter()
    pairing = read()
    compare(pairing)
    first = time.perf_counter() - start
    items = sum(len(each.items) for each in pairing.pairs)
    print(f"{items:,} items in {len(pairing.pairs)} tasks; median of {TIMES}, in ms")
    parts = {
        "read and pair": seconds(read),
        "compare": seconds(lambda: compare(pairing)),
        f"{RESAMPLES:,} resamples, percentile": seconds(lambda: resampled(pairing, percentile)),
    }
    others = {
        f"{RESAMPLES:,} resamples, BCa": seconds(lambda: resampled(pairing, bca)),
        "gate, with reading": seconds(lambda: gate(read_result(a), read_result(b), GatePolicy())),
        "the first time: read, pair and compare, with SciPy's imports": first,
    }
    for name, duration in {**parts, "together": sum(parts.values()), **others}.items():
        print(f"  {1000 * duration:7.1f}  {name}")
    differences = [each.contrast.difference for each in compare(pairing).tasks]
    largest = max(
        max(abs(one.low - other.low), abs(one.high - other.high))
        for one, other in zip(differences, resampled(pairing, percentile), strict=True)
    )
    print(f"  the intervals' ends differ from the bootstrap's by at most {100 * largest:.2f} points")
    return int(sum(parts.values()) > LIMIT)


if __name__ == "__main__":
    sys.exit(main())
