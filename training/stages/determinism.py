"""What makes a stage repeatable, and quiet: threads, seeds, algorithms; nothing of it is told to anybody."""

from __future__ import annotations

import os

from training.recipe import Recipe


def make_deterministic(recipe: Recipe) -> None:
    """Set this process up; on GPUs a few kernels have no repeatable form, of which torch warns.

    Memory that nobody has written is not filled, which torch does with deterministic algorithms: it would take a sixth
    of a stage's time, and helps only an operation that reads such memory.
    TRL reports each training to the hub: model, GPU, libraries. A stage reports nothing.
    """
    os.environ["CUBLAS_WORKSPACE_CONFIG"] = ":4096:8"
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    import datasets
    import torch
    import transformers
    from huggingface_hub import constants

    constants.HF_HUB_DISABLE_TELEMETRY = True
    if recipe.threads is not None:
        torch.set_num_threads(recipe.threads)
    torch.use_deterministic_algorithms(True, warn_only=True)
    torch.utils.deterministic.fill_uninitialized_memory = False
    transformers.set_seed(recipe.seed)
    transformers.utils.logging.disable_progress_bar()
    datasets.disable_progress_bars()
