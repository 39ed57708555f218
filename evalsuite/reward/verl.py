"""The reward as verl calls it: `custom_reward_function` with path `pkg://evalsuite.reward.verl`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from evalsuite.reward.ground_truth import read


def compute_score(
    data_source: str, solution_str: str, ground_truth: str, extra_info: Mapping[str, Any] | None = None, **_: Any
) -> float:
    """Pay one response; `ground_truth` is the column of that name that `evalsuite.reward.dataset` made."""
    return read(ground_truth).pay(solution_str)


def row(example: Mapping[str, Any], index: int, split: str = "train") -> dict[str, Any]:
    """Put a row of `evalsuite.reward.dataset` into verl's columns: `Dataset.map(row, with_indices=True, ...)`.

    The data set is made with `render=False`: verl applies the chat template itself.
    """
    return {
        "data_source": f"evalsuite/{example['task']}",
        "prompt": example["prompt"],
        "ability": "medicine",
        "reward_model": {"style": "rule", "ground_truth": example["ground_truth"]},
        "extra_info": {"split": split, "index": index, "item": example["item"]},
    }
