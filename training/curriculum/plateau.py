"""The plateau rule: a phase has ended when its mean reward has stopped rising."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from training.recipe_sections import Plateau

_ROUNDING: Final = 1e-12
"""Tolerance for the rounding of a mean of rewards."""


class PlateauVerdict(NamedTuple):
    """One outcome of the rule for the rewards so far."""

    ended: bool
    windows: int
    """Complete windows."""
    level: float
    """Mean reward of the last window that counted as better, or of the first window."""
    stalled: int
    """Windows since then."""
    last: float
    """Mean reward of the last complete window."""

    def __str__(self) -> str:
        return (
            f"mean reward {self.last:.3f} in window {self.windows}, and none of the last {self.stalled} windows rose "
            f"enough above {self.level:.3f}"
        )


def judge(rewards: Sequence[float], rule: Plateau) -> PlateauVerdict:
    """Judge the mean rewards of the steps so far, in order; all must be finite.

    Steps are divided into consecutive windows of `rule.window`; steps after the last complete window don't count yet.
    The level is the mean of the first window. A later window counts as better if its mean is above the level and at
    least `rule.gain` above it; then its mean becomes the level. The phase has ended when `rule.patience` consecutive
    windows were not better: never before two windows, and only where a window ends.

    Where the pool is mined, its mean rewards at the minings are judged instead, each as a window. Mining draws harder
    prompts as the policy improves, so the rewards of steps are not comparable across minings.

    - Small gains add up, because the level stays until one counts: a constant rise of more than gain / patience per
      window never ends a phase, whatever its length.
    - Rewards are within [0, 1], so every phase ends within 1 + patience x (1 + 1 / gain) windows.
    - A dip and its recovery are no gain: only a new maximum is.
    - Noise was simulated with 16 prompts x 8 completions per step, window 10, gain .02 and patience 3 (standard error
      of a window's mean .02; 200 runs of 10 windows): a rise of .02 per window is mistaken for a plateau in 16%, of
      .03 in .5%, of .04 in none. A flat curve ends after 4 windows in the median, and in 90% by 7. With patience 2 the
      first two are 86% and 35%: a gain as small as the noise needs patience, or longer windows.

    Fleming-R1 (arXiv:2509.15279) recognises the plateau by reward sparsity: more and more zero-variance groups. That
    is no rule here. Where all groups have zero variance the reward stays flat, which ends the phase; where many have
    and the reward still rises, the others still teach. Their share is logged at every step and noted where the phase
    ends.
    """
    means = _windows(rewards, rule.window)
    level, stalled = means[0] if means else 0.0, 0
    for mean in means[1:]:
        rise = mean - level
        # With a gain of 0 an equal mean would count as better without the first condition.
        better = rise > _ROUNDING and rise >= rule.gain - _ROUNDING
        level, stalled = (mean, 0) if better else (level, stalled + 1)
        if stalled >= rule.patience:
            break
    return PlateauVerdict(stalled >= rule.patience, len(means), level, stalled, means[-1] if means else 0.0)


def _windows(rewards: Sequence[float], window: int) -> list[float]:
    return [sum(rewards[end - window : end]) / window for end in range(window, len(rewards) + 1, window)]
