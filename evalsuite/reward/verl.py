"""The reward in verl's signature: `custom_reward_function` with the path `pkg://evalsuite.reward.verl`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from evalsuite.reward.ground_truth import parse_ground_truth


def compute_score(
    data_source: str, solution_str: str, ground_truth: str, extra_info: Mapping[str, Any] | None = None, **_: Any
) -> float:
    """Return the reward of one response; `ground_truth` is that column of `evalsuite.reward.dataset`."""
    return parse_ground_truth(ground_truth).score(solution_str)


def row(example: Mapping[str, Any], index: int, split: str = "train") -> dict[str, Any]:
    """Convert a row of `evalsuite.reward.dataset` to verl's columns: `Dataset.map(row, with_indices=True, ...)`.

    Make the dataset with `render=False`, because verl applies the chat template itself.
    """
    return {
        "data_source": f"evalsuite/{example['task']}",
        "prompt": example["prompt"],
        "ability": "medicine",
        "reward_model": {"style": "rule", "ground_truth": example["ground_truth"]},
        "extra_info": {"split": split, "index": index, "item": example["item"]},
    }
