"""Recipes that train a clinical reasoning model from a base model; a stage is promoted only by its gate.

    evalsuite train run tiny

This package imports evalsuite, which never imports it: the reward is the benchmark's parser, and a stage's model is
evaluated like any other.
"""
