"""How often a corpus names the nodes of a graph: counted with the linker, or read from a table."""

from training.synthesis.mentions.table import Mentions, mention_table, read_mentions

__all__ = ["Mentions", "mention_table", "read_mentions"]
