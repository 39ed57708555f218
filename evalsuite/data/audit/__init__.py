"""Audit benchmark data: duplicates, leaks, broken items, label skew and trivial baselines."""
