"""Audits of benchmark data: duplicates, leaks, broken items, and what a benchmark gives away for nothing."""
