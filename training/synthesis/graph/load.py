"""Reads graphs by name or path into one."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from evalsuite.errors import DataError, ErrorCode, UsageError
from training.synthesis.graph.builder import GraphBuilder
from training.synthesis.graph.bundled import hpo_folder, icd10cm_file
from training.synthesis.graph.graph import Graph
from training.synthesis.graph.input_file import InputFile, read_input
from training.synthesis.graph.readers.genes import read_genes
from training.synthesis.graph.readers.hpoa import read_hpoa
from training.synthesis.graph.readers.icd10cm import read_icd10cm
from training.synthesis.graph.readers.indications import COLUMNS as INDICATION_COLUMNS
from training.synthesis.graph.readers.indications import read_indications
from training.synthesis.graph.readers.obo import read_obo
from training.synthesis.graph.readers.obo_graphs import read_obo_graphs
from training.synthesis.graph.readers.triples import read_triples
from training.synthesis.graph.sources import Problems

_NAMED: Final[dict[str, Callable[[], Path]]] = {"hpo": hpo_folder, "icd10cm": icd10cm_file}


def _read_tsv(file: InputFile, builder: GraphBuilder) -> None:
    """Read a table of indications if its header says so, or else triples."""
    header = file.data[: file.data.find(b"\n")].decode(errors="replace").strip().split("\t")
    (read_indications if set(INDICATION_COLUMNS) <= set(header) else read_triples)(file, builder)


def _read_hpoa(file: InputFile, builder: GraphBuilder) -> None:
    """Read annotations after the ontology beside them, unless it has been read."""
    if not any(node_id.startswith("HP:") for node_id in builder.nodes.ids):
        read_obo(read_input(file.path.parent / "hp.obo"), builder)
    read_hpoa(file, builder)


_BY_SUFFIX: Final[dict[str, Callable[[InputFile, GraphBuilder], None]]] = {
    ".obo": read_obo,
    ".json": read_obo_graphs,
    ".tsv": _read_tsv,
    ".hpoa": _read_hpoa,
    ".xml": read_icd10cm,
}
NODES: Final = "nodes.tsv"
TRIPLES: Final = "triples.tsv"
"""The tables of a folder, as `evalsuite train wiki` writes one."""
_GENE_FILES: Final = ("genes_to_disease.txt", "genes_to_phenotype.txt")


def read_graph(graphs: Sequence[str | Path | InputFile], skip_bad: bool = False) -> Graph:
    """Read one or more graphs into one.

    Each is `hpo` or `icd10cm` (from the extra `synthesis`), a folder with `hp.obo` and `phenotype.hpoa` or with
    `triples.tsv` and `nodes.tsv`, or a file: OBO (`.obo`), OBO Graphs (`.json`), triples or indications (`.tsv`),
    annotations beside their `hp.obo` (`.hpoa`), ICD-10-CM's tabular list (`.xml`), each also compressed with gzip; or a
    table of triples that is in memory. What can't be read is a `DataError` with file and line; with `skip_bad` it is
    left out and counted in `Graph.problems`.
    """
    if not graphs:
        raise UsageError(ErrorCode.MISSING_ARGUMENT, "`graph` is missing: name a graph or a file")
    builder = GraphBuilder(Problems(skip_bad))
    with _without_collector():
        for graph in graphs:
            if isinstance(graph, InputFile):
                read_triples(graph, builder)
            else:
                _read(_NAMED[graph]() if isinstance(graph, str) and graph in _NAMED else Path(graph), builder)
        if not builder.nodes.ids and not isinstance(graphs[-1], InputFile):
            raise _empty(graphs, builder.problems)
        return builder.build()


def _empty(graphs: Sequence[str | Path | InputFile], problems: Problems) -> DataError:
    names = ", ".join(str(graph.path if isinstance(graph, InputFile) else graph) for graph in graphs)
    left_out = sum(problems.counts.values())
    first = f": {left_out:,} rows or frames can't be read, first {problems.messages[0]}" if left_out else ""
    return DataError(ErrorCode.DATA_MALFORMED, f"{names}: there is nothing in it that a graph could hold{first}")


@contextmanager
def _without_collector() -> Iterator[None]:
    """Keep the garbage collector from searching millions of new objects, none of which is garbage: a third faster."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _read(path: Path, builder: GraphBuilder) -> None:
    if path.is_dir() and (path / TRIPLES).is_file():
        for table in (NODES, TRIPLES):
            if (path / table).is_file():
                read_triples(read_input(path / table), builder)
        return
    if path.is_dir():
        _read_hpo(path, builder)
        return
    suffix = (path.with_suffix("") if path.suffix == ".gz" else path).suffix.lower()
    if suffix not in _BY_SUFFIX:
        choices = ", ".join((*_NAMED, *_BY_SUFFIX))
        message = f"{path}: not a graph that can be read; `graph` is one of {choices}, or a folder of such"
        raise UsageError(ErrorCode.INVALID_ARGUMENT, message)
    _BY_SUFFIX[suffix](read_input(path), builder)


def _read_hpo(folder: Path, builder: GraphBuilder) -> None:
    """Read the ontology, the annotations and, where it is there, a gene file."""
    for name in ("hp.obo", "phenotype.hpoa"):
        if not (folder / name).is_file():
            raise DataError(ErrorCode.DATA_NOT_FOUND, f"{folder}: neither {TRIPLES} nor {name} (`graph`)")
    read_obo(read_input(folder / "hp.obo"), builder)
    read_hpoa(read_input(folder / "phenotype.hpoa"), builder)
    genes = next((folder / name for name in _GENE_FILES if (folder / name).is_file()), None)
    if genes is not None:
        read_genes(read_input(genes), builder, builder.sources[-1].release)
