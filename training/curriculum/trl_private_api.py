"""The private names of TRL that training uses: a release that moves them breaks this module alone.

`PolicyTrainer` overrides one more, `_get_train_sampler`, which transformers documents for subclasses. A test compares
all of them with the installed release and names what is gone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

USED: Final = {"_generate": ("self", "prompts"), "_get_train_sampler": ("self", "dataset")}
"""Methods of `GRPOTrainer`, with their parameters."""
RETURNED: Final = "prompt_ids, completion_ids, tool_mask, completions, logprobs, extra_fields, images, tool_images"
"""What `_generate` returns, as the last line of its source says."""
_COMPLETIONS: Final = RETURNED.split(", ").index("completions")


def generate(trainer: Any, prompts: Sequence[Any]) -> Any:
    """Return the completions of prompts, generated as a training step generates its rollouts."""
    # TRL has no public way to generate with a trainer's engine and settings outside a step.
    return trainer._generate(list(prompts))[_COMPLETIONS]


def discard_evaluation_metrics(trainer: Any) -> None:
    """Keep what TRL measured in evaluation mode out of the training's log."""
    trainer._metrics["eval"].clear()
