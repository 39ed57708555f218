"""Checks that merged weights answer as the base weights with their adapter do, by logits on a few fixed prompts.

A difference is the root mean square of the differences of logits, as a share of the standard deviation of the logits.
Measured with random Qwen3 models of 2 to 28 layers, with peft 0.21.2 on a CPU: merging in float32 differs by at most
5e-6 and rounding the merged weights to bfloat16, which has 8 bits, by .007 to .027. A LoRA of one of two tied
embeddings differs by .28 to 1.5.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from evalsuite.errors import ErrorCode, RunError

if TYPE_CHECKING:
    import torch

PROMPTS: Final = (
    "A 45-year-old man has had crushing chest pain for two hours. What is the most appropriate next step?",
    "Answer: (B), because the ratio of benefit to risk is 3 to 1.",
    "一名六十岁的女性发热三天。",
)
"""Texts whose logits are compared; each is tokenised without a chat template, which not every tokenizer has."""
TOLERANCE: Final = 1e-4
"""Largest difference between two computations of the same weights in float32: 20 times the largest one measured."""
ROUNDING_TOLERANCE: Final[Mapping[str, float]] = MappingProxyType({"float32": TOLERANCE, "bfloat16": 0.1})
"""Largest difference that rounding the weights to a dtype may make: for bfloat16 4 times the largest one measured."""


def prompt_logits(model: Any, tokenizer: Any) -> torch.Tensor:
    """Return the logits of all prompts' tokens, float32, of shape (tokens, vocabulary), with dropout switched off.

    Each row's mean is 0, since what is common to all logits of a token changes no probability.
    """
    import torch

    model.eval()
    with torch.inference_mode():
        rows = [model(input_ids=tokenizer(prompt, return_tensors="pt")["input_ids"]).logits[0] for prompt in PROMPTS]
    logits = torch.cat(rows).float()
    return logits - logits.mean(dim=1, keepdim=True)


def refuse_difference(logits: torch.Tensor, expected: torch.Tensor, tolerance: float, where: Path | str) -> None:
    """Raise a `RunError` where logits differ from those expected by more than the tolerance, or aren't numbers."""
    if logits.shape == expected.shape:
        difference = float((logits - expected).square().mean().sqrt() / expected.std())
        if difference <= tolerance:  # false for NaN, too
            return
        found = f"their logits differ by {difference:.2g} of their standard deviation, and {tolerance:g} is allowed"
    else:
        found = f"their logits have the shape {tuple(logits.shape)}, not {tuple(expected.shape)}"
    raise RunError(
        ErrorCode.MERGE_MISMATCH,
        f"{where}: the merged weights don't answer as the base weights with the adapter do: {found}; nothing was "
        "written: export the adapter unmerged, or train it with other targets",
    )
