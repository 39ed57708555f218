"""PubMed's XML to Parquet, beside pubmed_parser.

    python benchmarks/pubmed_speed.py [--citations 100000] [--rounds 3] [--peer-python PYTHON]

A file like those of the baseline is generated (`pubmed_baseline.py`) and read in turn by this package, which writes the
documents to Parquet, and by pubmed_parser, which only makes its dictionaries; each in a process of its own, with
imports excluded. Shown are citations a second of CPU and of wall time, their ratio, and the peak memory with a tenth of
the citations and with all of them. --peer-python names a Python in which pubmed_parser is installed; without it, and
where this environment hasn't it, only this package is measured.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median

from pubmed_baseline import write

MEASURE = """
import json, resource, sys, time
wall, cpu = time.perf_counter(), time.process_time()
count = read(sys.argv[1])
wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
print(json.dumps([count, cpu, wall, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024]))
"""
OURS = """
import itertools
from pathlib import Path
import lxml.etree
import pyarrow as pa, pyarrow.parquet as pq
from training.corpora.documents import Document
from training.corpora.readers import READERS
NAMES = tuple(Document.__dataclass_fields__)
TYPES = {"status": pa.list_(pa.string()), "version": pa.int32(), "year": pa.int32()}
REPEATED = ["source", "licence", "language"]
SCHEMA = pa.schema([(name, TYPES.get(name, pa.string())) for name in NAMES])
def read(path):
    seen = 0
    with pq.ParquetWriter(path + ".parquet", SCHEMA, compression="zstd", use_dictionary=REPEATED) as target:
        records = READERS["pubmed"](Path(path))
        while batch := list(itertools.islice(records, 2000)):
            seen += len(batch)
            rows = [record for record in batch if type(record) is Document]
            columns = [[getattr(row, name) for row in rows] for name in NAMES]
            arrays = [pa.array(column, field.type) for column, field in zip(columns, SCHEMA)]
            target.write_table(pa.Table.from_arrays(arrays, schema=SCHEMA))
    return seen
"""
PEER = """
import pubmed_parser
def read(path):
    return sum(1 for _ in pubmed_parser.parse_medline_xml(path))
"""


def measured(python: str, code: str, file: Path) -> tuple[int, float, float, float]:
    """Return records, CPU seconds, wall seconds and peak MB of a new process."""
    run = subprocess.run([python, "-c", code + MEASURE, str(file)], capture_output=True, text=True, check=True)
    count, cpu, wall, memory = json.loads(run.stdout.splitlines()[-1])
    return count, cpu, wall, memory


def has_peer(python: str) -> bool:
    """Whether an environment has pubmed_parser."""
    return subprocess.run([python, "-c", "import pubmed_parser"], capture_output=True, check=False).returncode == 0


def compare(file: Path, citations: int, rounds: int, peer: str | None) -> None:
    """Print a line for each round, and the median ratio."""
    ratios = []
    for number in range(1, rounds + 1):
        count, cpu, wall, memory = measured(sys.executable, OURS, file)
        line = f"round {number}: evalsuite {citations / cpu:,.0f} citations per CPU second"
        line += f" ({citations / wall:,.0f} of wall time)"
        line += f", {memory:,.0f} MB, {count:,} records"
        if peer is not None:
            _, peer_cpu, peer_wall, peer_memory = measured(peer, PEER, file)
            ratios.append((peer_cpu / cpu, peer_wall / wall))
            line += f"; pubmed_parser {citations / peer_cpu:,.0f} ({citations / peer_wall:,.0f}), {peer_memory:,.0f} MB"
            line += f"; ratio {ratios[-1][0]:.1f} ({ratios[-1][1]:.1f})"
        print(line, flush=True)
    if ratios:
        cpu_ratio, wall_ratio = (median(each) for each in zip(*ratios, strict=True))
        print(f"median ratio of {rounds}: {cpu_ratio:.1f} by CPU time, {wall_ratio:.1f} by wall time")


def main() -> None:
    """Read the arguments and measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--citations", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--peer-python", default=sys.executable)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        small, large = Path(folder) / "small.xml.gz", Path(folder) / "large.xml.gz"
        write(small, arguments.citations // 10, seed=0)
        write(large, arguments.citations, seed=0)
        print(f"{arguments.citations:,} citations, {large.stat().st_size / 1e6:,.0f} MB compressed")
        memory = measured(sys.executable, OURS, small)[3]
        print(f"evalsuite with {arguments.citations // 10:,} citations: {memory:,.0f} MB")
        peer = arguments.peer_python if has_peer(arguments.peer_python) else None
        compare(large, arguments.citations, arguments.rounds, peer)


if __name__ == "__main__":
    main()
