"""How fast questions with proofs are drawn from a graph, on one core.

    python benchmarks/questions_speed.py [--n 10000] [--many 100000] [--edges 1000000]

draws questions of the default shapes from the Human Phenotype Ontology, as items with their proofs, and applies the
audit's checks to each; then many, all different; then questions from a graph of a million edges. Times are those of the
processor; reading and preparing a graph is shown by itself. On a shared machine they vary, so each line also says how
many look-ups in a dictionary the same core did in the time of one question.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from graph_speed import write_large

from evalsuite.data.audit.item_checks import CHECKS
from training.synthesis.graph import read_graph
from training.synthesis.questions.generate import generate
from training.synthesis.questions.items import make_items
from training.synthesis.questions.source import QuestionSource

_LOOK_UPS = 1_000_000


def look_up() -> float:
    """Return the processor seconds of one look-up in a dictionary, within a loop of plain Python."""
    table, found = {number: number for number in range(1000)}, 0
    begin = time.process_time()
    for number in range(_LOOK_UPS):
        found += table.get(number % 1000, 0)
    return (time.process_time() - begin) / _LOOK_UPS


def timed(source: QuestionSource, count: int, seed: int) -> dict[str, float]:
    """Draw, prove and audit questions; return how many there were, how many different ones, and the seconds."""
    before, begin = look_up(), time.process_time()
    items = list(make_items(source, generate(source, count, seed), seed))
    faulty = sum(any(check(each.item) for check in CHECKS.values()) for each in items)
    seconds = time.process_time() - begin
    different = len({(each.item.question, frozenset(each.item.options), each.item.gold) for each in items})
    unit = (before + look_up()) / 2
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"n": len(items), "different": different, "faulty": faulty, "seconds": seconds, "unit": unit, "peak": peak}


def measured(graph: str, counts: list[int]) -> None:
    """Print as JSON, a line each, the time of preparing a graph and those of drawing questions from it."""
    begin = time.process_time()
    source = QuestionSource(read_graph([graph]))
    read = time.process_time() - begin
    generate(source, 20, 0)
    print(json.dumps({"read": read, "prepared": time.process_time() - begin - read, "edges": source.graph.edge_count}))
    for seed, count in enumerate(counts, 1):
        print(json.dumps(timed(source, count, seed)), flush=True)


def show(name: str, graph: str, counts: list[int]) -> None:
    """Measure in a process of its own, so that the peak of its memory is its own, and print."""
    command = [sys.executable, __file__, "--measure", graph, *map(str, counts)]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    first, *rows = map(json.loads, run.stdout.splitlines())
    print(f"{name}: {first['edges']:,} edges; read {first['read']:.1f} s, prepared {first['prepared']:.1f} s")
    for row in rows:
        each = row["seconds"] / row["n"]
        print(
            f"  {row['n']:,} questions, {row['different']:,} different, {row['faulty']:,} faulty: "
            f"{row['seconds']:.1f} s, {1 / each:,.0f} a second, {each / row['unit']:,.0f} look-ups each; "
            f"peak {row['peak']:,.0f} MiB"
        )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--n", type=int, default=10_000)
    parser.add_argument("--many", type=int, default=100_000)
    parser.add_argument("--edges", type=int, default=1_000_000)
    parser.add_argument("--measure", nargs="+", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        measured(options.measure[0], [int(each) for each in options.measure[1:]])
        return
    show("Human Phenotype Ontology", "hpo", [options.n, options.many])
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "large.tsv"
        write_large(path, options.edges)
        show("made", str(path), [options.n])


if __name__ == "__main__":
    main()
