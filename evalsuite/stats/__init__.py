"""Estimates, intervals and tests from grades: pure functions over arrays, one topic per module."""
