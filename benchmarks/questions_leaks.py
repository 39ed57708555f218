"""What rules that know no medicine score on questions from a graph.

    python benchmarks/questions_leaks.py [--graph hpo] [--n 2000] [--shapes diagnosis,gene]

draws questions by the seeds 1 and 2 and prints, for each rule, over all and by shape, the accuracy on the questions of
seed 2 with its 95% interval (Wilson). Chance is 20%. A rule that several options fulfil counts as the part of them that
is right.
"""

from __future__ import annotations

import argparse

from training.synthesis.graph import read_graph
from training.synthesis.questions.generate import generate, parse_shares
from training.synthesis.questions.items import make_items
from training.synthesis.questions.leaks import leaks
from training.synthesis.questions.source import QuestionSource


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--graph", action="append")
    parser.add_argument("--n", type=int, default=2000)
    parser.add_argument("--shapes")
    options = parser.parse_args()
    source = QuestionSource(read_graph(options.graph or ["hpo"]))
    shares = parse_shares(options.shapes) if options.shapes else None
    known, asked = (
        [each.item for each in make_items(source, generate(source, options.n, seed, shares), seed)] for seed in (1, 2)
    )
    degrees = {source.names.shown(number): source.degree(number) for number in range(len(source.graph))}
    for score in leaks(known, asked, degrees):
        low, high = score.interval
        far = "  <-- more than 3 points off" if abs(score.accuracy - 0.2) > 0.03 else ""
        interval = f"({low:.1%} to {high:.1%}) n={score.items:,}{far}"
        print(f"{score.shape:16} {score.rule:10} {score.accuracy:6.1%} {interval}")


if __name__ == "__main__":
    main()
