"""What a graph holds, in numbers: for `evalsuite train graph` and for whoever checks a source."""

from __future__ import annotations

from typing import Any

import numpy as np

from training.synthesis.graph.graph import Graph
from training.synthesis.graph.kinds import NodeType, Polarity


def summary(graph: Graph) -> dict[str, Any]:
    """Return a graph's digest, sources, and counts: nodes by type after merging, edges by relation, source, polarity.

    `ids_merged`: how many ids stand for the same thing as another one before them.
    """
    edges = graph.edges
    by_type = {kind.value: len(graph.of_type(kind)) for kind in NodeType}
    by_relation = np.bincount(edges["relation"], minlength=len(graph.relations)).tolist()
    by_source = np.bincount(edges["source"], minlength=len(graph.sources)).tolist()
    by_polarity = np.bincount(edges["polarity"], minlength=len(Polarity)).tolist()
    return {
        "digest": graph.digest,
        "ids": len(graph),
        "ids_merged": int((graph.identity != np.arange(len(graph))).sum()),
        "nodes": {kind: count for kind, count in by_type.items() if count},
        "edges": graph.edge_count,
        "relations": dict(zip(graph.relations, by_relation, strict=True)),
        "polarity": {kind.name.lower(): by_polarity[kind] for kind in Polarity},
        "sources": [each._asdict() | {"edges": count} for each, count in zip(graph.sources, by_source, strict=True)],
        "left_out": {"count": sum(graph.problems.counts.values()), "first": list(graph.problems.messages)},
    }


def lines(facts: dict[str, Any]) -> list[str]:
    """Return a summary as lines for a terminal."""
    shown = [f"digest   {facts['digest']}"]
    shown += [f"ids      {facts['ids']:,}, of which {facts['ids_merged']:,} are merged into another one"]
    shown += [f"nodes    {_counts(facts['nodes'])}"]
    shown += [f"edges    {facts['edges']:,}: {_counts(facts['relations'])}"]
    shown += [f"polarity {_counts(facts['polarity'])}"]
    for each in facts["sources"]:
        shown.append(f"source   {each['name']} {each['release']}: {each['edges']:,} edges from {each['file']}")
        shown.append(
            f"         licence: {each['licence']}" + (f"; {each['attribution']}" if each["attribution"] else "")
        )
    if facts["left_out"]["count"]:
        shown.append(f"left out {facts['left_out']['count']:,} rows or frames that can't be read, the first of them:")
        shown += [f"         {message}" for message in facts["left_out"]["first"][:10]]
    return shown


def _counts(counts: dict[str, int]) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in counts.items())
