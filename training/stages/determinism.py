"""Process-wide settings that make a stage deterministic and keep its libraries from printing and reporting."""

from __future__ import annotations

import os

from training.recipe import Recipe


def make_deterministic(recipe: Recipe) -> None:
    """Set threads, seeds and deterministic algorithms of this process; call it before torch is imported.

    On GPUs a few kernels have no deterministic form; torch warns of them.
    """
    os.environ["CUBLAS_WORKSPACE_CONFIG"] = ":4096:8"
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    import datasets
    import torch
    import transformers
    from huggingface_hub import constants

    # TRL reports each training to the hub, with model, GPU and libraries. A run here reports nothing to anybody.
    constants.HF_HUB_DISABLE_TELEMETRY = True
    if recipe.threads is not None:
        torch.set_num_threads(recipe.threads)
    torch.use_deterministic_algorithms(True, warn_only=True)
    # With deterministic algorithms torch fills new memory, which takes a sixth of a stage's time and helps only an
    # operation that reads memory nobody has written.
    torch.utils.deterministic.fill_uninitialized_memory = False
    transformers.set_seed(recipe.seed)
    transformers.utils.logging.disable_progress_bar()
    datasets.disable_progress_bars()
