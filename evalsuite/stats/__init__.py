"""Estimates from grades: pure functions over arrays, one idea a file."""
