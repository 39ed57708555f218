"""The share of groups whose rewards are all equal, so that their advantages are 0 and they give no gradient."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple


class ZeroVarianceGroups(NamedTuple):
    """Shares of zero-variance groups among all groups of a step; TRL logs their sum as `frac_reward_zero_std`."""

    all_zero: float
    """Every completion has reward 0: the prompt is too hard."""
    all_one: float
    """Every completion has reward 1: the prompt is already solved."""


def zero_variance_groups(rewards: Sequence[float], size: int) -> ZeroVarianceGroups:
    """Count zero-variance groups among consecutive groups of `size` completions with rewards of 0 or 1."""
    groups = [rewards[start : start + size] for start in range(0, len(rewards), size)]
    all_zero = sum(not any(group) for group in groups)
    all_one = sum(all(group) for group in groups)
    return ZeroVarianceGroups(all_zero / len(groups), all_one / len(groups))
