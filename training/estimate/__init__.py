"""Estimates of what a recipe needs before any GPU hour is spent: parameters, tokens, memory, FLOPs, GPU-hours, data.

evalsuite train plan reasonmed-8b
"""

from training.estimate.plan import RecipeEstimate, StageEstimate, estimate

__all__ = ["RecipeEstimate", "StageEstimate", "estimate"]
