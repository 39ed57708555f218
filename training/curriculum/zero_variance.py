"""Groups of completions of one prompt; one whose rewards are all equal is dead: its advantages are all zero."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple


class ZeroVarianceGroups(NamedTuple):
    """Shares of groups that teach nothing."""

    zero: float
    """All their completions were paid 0: too hard."""
    one: float
    """All were paid 1: already known."""


def zero_variance_groups(rewards: Sequence[float], size: int) -> ZeroVarianceGroups:
    """Count over groups of `size` completions, one behind the other; rewards are 0 or 1."""
    groups = [rewards[start : start + size] for start in range(0, len(rewards), size)]
    zero = sum(not any(group) for group in groups)
    one = sum(all(group) for group in groups)
    return ZeroVarianceGroups(zero / len(groups), one / len(groups))
