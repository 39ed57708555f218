"""When a phase has given what it can: its reward has stopped rising."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from training.recipe import Plateau

_SLACK: Final = 1e-12
"""Rounding of a mean of rewards."""


class PlateauVerdict(NamedTuple):
    """What the rule says of the rewards so far."""

    ended: bool
    windows: int
    """Whole windows."""
    level: float
    """Mean reward of the last window that counted as better, or of the first."""
    stalled: int
    """Windows since then."""
    last: float
    """Mean reward of the last whole window."""

    def __str__(self) -> str:
        return (
            f"mean reward {self.last:.3f} in window {self.windows}, and none of the last {self.stalled} windows rose "
            f"enough above {self.level:.3f}"
        )


def judge(rewards: Sequence[float], rule: Plateau) -> PlateauVerdict:
    """Judge the mean rewards of the steps so far, in their order; finite.

    Steps are cut into windows of `rule.window`, one behind the other; steps after the last whole window don't count
    yet. The level is the mean of the first window. A later window counts as better when its mean is above the level and
    at least `rule.gain` above it; then its mean becomes the level. The phase has ended when `rule.patience` windows in
    a row were not better: never before two windows, and only where a window ends.

    Where the pool is mined, its mean rewards at the minings are judged instead, each a window of its own: what is drawn
    gets harder there, so that what it is paid can't be compared from one mining to the next.

    - Small gains add up, because the level stays until one counts: a steady rise of more than gain / patience a window
      never ends a phase, whatever its length.
    - Rewards are within [0, 1], so that any phase at all ends within 1 + patience x (1 + 1 / gain) windows.
    - A dip and its recovery are no gain: only a new height is.
    - Noise, simulated with 16 prompts x 8 completions a step, window 10, gain .02 and patience 3 (a window's standard
      error is .02; 200 runs of 10 windows): a rise of .02 a window is taken for a plateau in 16%, of .03 in .5%, of .04
      in none; a flat curve ends after 4 windows in the median, and in 90% by 7. With patience 2 the first two are 86%
      and 35%: a gain of the size of the noise needs patience, or longer windows.

    Fleming-R1 tells the plateau by reward sparsity: more and more groups whose rewards are all equal. Such groups are
    no rule here. Where all are dead the reward stands still, and the phase ends by it; where many are and the reward
    still rises, the rest still teaches. Their share is logged at every step and noted where the phase ends.
    """
    means = _windows(rewards, rule.window)
    level, stalled = means[0] if means else 0.0, 0
    for mean in means[1:]:
        rise = mean - level
        better = rise > _SLACK and rise >= rule.gain - _SLACK
        level, stalled = (mean, 0) if better else (level, stalled + 1)
        if stalled >= rule.patience:
            break
    return PlateauVerdict(stalled >= rule.patience, len(means), level, stalled, means[-1] if means else 0.0)


def ended_at(rewards: Sequence[float], rule: Plateau) -> int | None:
    """The number of steps after which the rule ended the phase, if it did."""
    for steps in range(rule.window, len(rewards) + 1, rule.window):
        if judge(rewards[:steps], rule).ended:
            return steps
    return None


def _windows(rewards: Sequence[float], window: int) -> list[float]:
    return [sum(rewards[end - window : end]) / window for end in range(window, len(rewards) + 1, window)]
