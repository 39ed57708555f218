"""Exact and near duplicates among millions of texts: MinHash candidates, each verified by exact Jaccard."""
