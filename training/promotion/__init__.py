"""Decides whether a stage's model replaces the last promoted one: evaluation, verdict, and the cause of a refusal."""
