"""When a policy is lost: it no longer ends its completions, or earns far less than at its start."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

WINDOW: Final = 10
"""Steps that are looked at together: one bad step is noise."""
CLIPPED: Final = 0.3
"""Share of completions that the token limit cut, above which a policy rambles."""
LEAST_FALL: Final = 0.1
"""Fall in mean reward that is never noise over a window."""


def collapsed(steps: Sequence[Mapping[str, Any]], pool: Sequence[float] = ()) -> str | None:
    """Say in one sentence what is lost, from the logged steps so far; None while nothing is.

    More than `CLIPPED` of the completions of the last `WINDOW` steps were cut; or their mean reward is below half of
    what it was in the first `WINDOW` steps, and by more than `LEAST_FALL`. Where the pool is mined, its mean rewards at
    the first mining and at the last are compared instead: what is drawn gets harder there, and is paid less for it.
    """
    if len(steps) < WINDOW:
        return None
    clipped = _mean(steps[-WINDOW:], "completions/clipped_ratio")
    if clipped > CLIPPED:
        return (
            f"{clipped:.0%} of the completions of the last {WINDOW} steps were cut by the token limit: the policy no "
            "longer ends its answers; lower the learning rate or raise max_tokens"
        )
    first, now = (pool[0], pool[-1]) if pool else (_mean(steps[:WINDOW], "reward"), _mean(steps[-WINDOW:], "reward"))
    if first - now > max(LEAST_FALL, first / 2):
        return f"mean reward fell from {first:.3f} to {now:.3f}: the policy is lost; lower the learning rate"
    return None


def _mean(steps: Sequence[Mapping[str, Any]], key: str) -> float:
    return sum(float(step[key]) for step in steps) / len(steps)
