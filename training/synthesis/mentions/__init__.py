"""How often a corpus names the nodes of a graph: counted with the linker, or read from a table."""
