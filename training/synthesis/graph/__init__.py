"""A typed medical graph read from real sources, with the provenance of each edge."""

from training.synthesis.graph.findings import Finding, Findings, State
from training.synthesis.graph.frequency import Frequency
from training.synthesis.graph.graph import Edge, Graph
from training.synthesis.graph.kinds import NodeType, Polarity, Relation
from training.synthesis.graph.load import read_graph
from training.synthesis.graph.nodes import Node, Synonym
from training.synthesis.graph.sources import Source

__all__ = [
    "Edge",
    "Finding",
    "Findings",
    "Frequency",
    "Graph",
    "Node",
    "NodeType",
    "Polarity",
    "Relation",
    "Source",
    "State",
    "Synonym",
    "read_graph",
]
