"""The signs of a collapsed policy: completions that no longer end, or a reward far below that of the start."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

WINDOW: Final = 10
"""Steps that are averaged, as a single bad step is noise."""
MAX_CLIPPED: Final = 0.3
"""Share of completions cut off by the token limit above which a policy counts as collapsed."""
MIN_DROP: Final = 0.1
"""A drop in mean reward over a window that is not noise."""


def find_collapse(steps: Sequence[Mapping[str, Any]], pool_means: Sequence[float] = ()) -> str | None:
    """Return a sentence on how the policy has collapsed, given the logged steps so far, or None.

    A policy has collapsed if more than `MAX_CLIPPED` of the completions of the last `WINDOW` steps were cut off, or if
    their mean reward is less than half of that of the first `WINDOW` steps, and lower by more than `MIN_DROP`. Where
    the pool is mined, its mean rewards at the first and the last mining are compared instead: mining draws ever harder
    prompts, so the reward of what is drawn falls although the policy improves.
    """
    if len(steps) < WINDOW:
        return None
    clipped = _mean(steps[-WINDOW:], "completions/clipped_ratio")
    if clipped > MAX_CLIPPED:
        return (
            f"{clipped:.0%} of the completions of the last {WINDOW} steps were cut off by the token limit: the policy "
            "no longer ends its answers; lower the learning rate or raise max_tokens"
        )
    if pool_means:
        first, last = pool_means[0], pool_means[-1]
    else:
        first, last = _mean(steps[:WINDOW], "reward"), _mean(steps[-WINDOW:], "reward")
    if first - last > max(MIN_DROP, first / 2):
        return f"mean reward fell from {first:.3f} to {last:.3f}; lower the learning rate"
    return None


def _mean(steps: Sequence[Mapping[str, Any]], key: str) -> float:
    return sum(float(step[key]) for step in steps) / len(steps)
