"""Runs and tasks in the formats of other harnesses: inspect-ai, lm-evaluation-harness and verifiers."""
