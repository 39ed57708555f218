"""Recipes that turn a base model into a clinical reasoning model, each stage promoted only by the gate.

    evalsuite train run training/recipes/tiny.yaml

It imports evalsuite, which never imports it: the reward is the benchmark's parser, and a stage is judged as any model.
"""
