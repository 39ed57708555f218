"""Finds the nodes that a text names."""

from training.synthesis.graph.linking.linker import Linker, Mention

__all__ = ["Linker", "Mention"]
