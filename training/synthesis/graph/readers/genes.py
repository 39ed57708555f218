"""The gene files that come with `phenotype.hpoa`: which gene belongs to which disease.

`genes_to_phenotype.txt` repeats the annotations of each disease for each of its genes; what it adds is the pair of gene
and disease, which `genes_to_disease.txt` of newer releases states itself. Neither says that a gene causes a disease:
polygenic associations are among them.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from training.synthesis.graph.builder import GraphBuilder
from training.synthesis.graph.input_file import InputFile
from training.synthesis.graph.kinds import NodeType, Relation
from training.synthesis.graph.readers.obo import known_terms
from training.synthesis.graph.readers.table import read_table
from training.synthesis.graph.sources import Source

_COLUMNS: Final = ("ncbi_gene_id", "gene_symbol", "disease_id")


def read_genes(file: InputFile, builder: GraphBuilder, release: str) -> None:
    """Add a gene file: one edge for each pair of disease and gene, at its first line."""
    table = read_table(file, _COLUMNS, 0, builder.problems)
    source = builder.source(Source(file.path.name, release, file.path.name, file.sha256, *known_terms("hp")))
    table.parsed("ncbi_gene_id", _gene_id, "", builder.problems)
    rows = table.rows()
    genes, symbols, diseases = (rows[name] for name in _COLUMNS)
    pairs = genes.codes.astype(np.int64) * max(len(diseases.values), 1) + diseases.codes
    first = np.unique(pairs, return_index=True)[1]
    used = {int(genes.codes[row]): int(symbols.codes[row]) for row in first.tolist()}
    numbers = [
        builder.node(_gene_id(each), NodeType.GENE, symbols.values[used[code]]) if code in used else -1
        for code, each in enumerate(genes.values)
    ]
    in_use = set(diseases.codes[first].tolist())
    ends = [builder.node(each, NodeType.DISEASE) if code in in_use else -1 for code, each in enumerate(diseases.values)]
    builder.edges(
        len(first),
        subject=diseases.taken(ends, np.int32)[first],
        relation=builder.relation(Relation.HAS_GENE),
        object=genes.taken(numbers, np.int32)[first],
        source=source,
        line=rows.lines[first],
    )


def _gene_id(text: str) -> str:
    number = text.removeprefix("NCBIGene:")
    if not number.isascii() or not number.isdigit():
        raise ValueError(f"ncbi_gene_id {text[:40]!r} is not a number")
    return f"NCBIGene:{number}"
