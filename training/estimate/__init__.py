"""What a recipe takes, reckoned before any GPU hour: parameters, tokens, memory, FLOPs, GPU-hours, data.

python -m training plan reasonmed-8b
"""

from training.estimate.plan import RecipeEstimate, StageEstimate, estimate

__all__ = ["RecipeEstimate", "StageEstimate", "estimate"]
