"""Questions made from a medical knowledge graph, each with a proof of its answer."""
