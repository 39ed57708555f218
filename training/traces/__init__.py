"""Reasoning traces from a teacher, and what is checked in them before a model is trained on them."""
