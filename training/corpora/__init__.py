"""Corpora for continued pretraining: documents read from public sources, cleaned and mixed."""
