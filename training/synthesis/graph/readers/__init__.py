"""One reader for each kind of file; each adds its nodes and edges to a `GraphBuilder`."""
