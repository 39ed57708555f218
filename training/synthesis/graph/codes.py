"""Questions to a graph about codes of ICD-10-CM."""

from __future__ import annotations

from training.synthesis.graph.graph import Graph
from training.synthesis.graph.kinds import Relation
from training.synthesis.graph.readers.icd10cm import code_id


def find_code(graph: Graph, text: str) -> int | None:
    """Return the node of a code in any case, with or without its dot; None if the graph doesn't hold it."""
    return graph.find(code_id(text))


def never_coded_with(graph: Graph, code: int) -> frozenset[int]:
    """Return the codes that an Excludes1 note of a code or of any of its ancestors forbids beside it.

    A note that names a category forbids all codes of the category.
    """
    forbidden: set[int] = set()
    for holder in (code, *graph.ancestors(code).tolist()):
        for target in graph.objects(holder, Relation.EXCLUDES1).tolist():
            forbidden.add(target)
            forbidden.update(graph.descendants(target).tolist())
    return frozenset(forbidden)
