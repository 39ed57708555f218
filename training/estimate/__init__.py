"""What a recipe takes, reckoned before any GPU hour: parameters, tokens, memory, FLOPs, GPU-hours, data.

evalsuite train plan reasonmed-8b
"""

from training.estimate.plan import RecipeEstimate, StageEstimate, estimate

__all__ = ["RecipeEstimate", "StageEstimate", "estimate"]
