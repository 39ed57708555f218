"""Hard-sample mining: the policy is sampled on the whole pool again and again, and what it keeps failing is drawn more.

Fleming-R1 (arXiv:2509.15279) mines hard samples without stating the weights; the formula here, documented at `weights`,
is not from that paper.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
from scipy.special import betaln

from evalsuite.errors import ErrorCode, RunError
from training import step_log
from training.curriculum.prompt_sampler import Floats, Indices

MINING_LOG: Final = "mining.jsonl"
"""The file in a stage's folder that `MiningHistory` writes."""
DECAY: Final = 0.5
"""Factor by which each later mining reduces the weight of an earlier one, as the policy has moved on."""
PRIOR: Final = 0.5
"""Right and wrong responses that are added to each item's counts (Jeffreys' prior of a proportion)."""
SET_ASIDE_AFTER: Final = 2
"""Consecutive minings, all right or all wrong, after which an item is set aside."""
MIN_WEIGHT: Final = 0.01
"""Weight of items that are set aside, before normalisation; the largest possible weight is about 0.6."""


class MiningResult(NamedTuple):
    """One mining: the policy's right responses to each item of the pool."""

    step: int
    """Optimizer steps of the policy so far."""
    samples: int
    """Responses per item."""
    right: tuple[int, ...]
    """Right responses to each item, in the pool's order."""


class SetAsideItems(NamedTuple):
    """Indices of the pool's items that have been all right, or all wrong, for so long that they are set aside."""

    right: frozenset[int]
    wrong: frozenset[int]

    @property
    def all(self) -> frozenset[int]:
        """The indices of both kinds."""
        return self.right | self.wrong


def weights(minings: Sequence[MiningResult], generations: int) -> Floats:
    """Return the sampling weight of each item of the pool, shape (items,); all are above 0 and they sum to 1.

    An item's probability p of a right response has the posterior Beta(PRIOR + right, PRIOR + wrong), where the counts
    of the mining that is m minings old are multiplied by DECAY^m. The weight is the posterior mean of

        (1 - p) (1 - p^G - (1 - p)^G),

    the share of wrong responses times the probability that a group of G completions has rewards that vary. It is small
    for items that are always right, where there is nothing to learn; it shrinks with every mining for items that are
    always wrong, which give no gradient; and it is largest for items that are right now and then. Items that are set
    aside have MIN_WEIGHT before normalisation, the others at least that.
    """
    decay = DECAY ** np.arange(len(minings) - 1, -1, -1, dtype=np.float64)
    right = decay @ np.array([mining.right for mining in minings], dtype=np.float64)
    total = float(decay @ np.array([mining.samples for mining in minings], dtype=np.float64))
    a, b = PRIOR + right, PRIOR + total - right

    def moment(i: int, j: int) -> Floats:
        """Return the posterior mean of p^i (1 - p)^j, which is B(a + i, b + j) / B(a, b)."""
        mean: Floats = np.exp(betaln(a + i, b + j) - betaln(a, b))
        return mean

    # (1 - p) - p^G (1 - p) - (1 - p)^(G + 1): the product above, multiplied out.
    value = np.maximum(moment(0, 1) - moment(generations, 1) - moment(0, generations + 1), MIN_WEIGHT)
    value[sorted(set_aside(minings).all)] = MIN_WEIGHT
    normalised: Floats = value / value.sum()
    return normalised


def set_aside(minings: Sequence[MiningResult]) -> SetAsideItems:
    """Return the items that were all right, or all wrong, in each of the last `SET_ASIDE_AFTER` minings."""
    if len(minings) < SET_ASIDE_AFTER:
        return SetAsideItems(frozenset(), frozenset())
    recent = minings[-SET_ASIDE_AFTER:]
    right = np.all([np.array(mining.right) == mining.samples for mining in recent], axis=0)
    wrong = np.all([np.array(mining.right) == 0 for mining in recent], axis=0)
    return SetAsideItems(_indices(right), _indices(wrong))


class MiningHistory:
    """One stage's minings, in a file with one line per mining.

    Items that are set aside are sampled at each mining like all others, and return to the draw once their responses
    differ. A line has step, samples, the pool's digest, `right` in the pool's order, the histogram of right responses
    (0 to samples), the pool's mean reward, the number of items over which equal weights would spread as widely
    (`effective`, 1 / sum of squared weights: Kish's effective sample size), and the ids of the items that are set
    aside (`always_right`, `always_wrong`) and that have just `returned`.
    """

    def __init__(self, file: Path, items: Sequence[str], generations: int) -> None:
        self.file, self.items, self.generations = file, list(items), generations
        # Counts are stored by index, so a history is valid only for the same items in the same order.
        self._digest = hashlib.sha256("\n".join(self.items).encode()).hexdigest()
        self.minings = [self._read(line) for line in step_log.read(file)]
        self._weights = [weights(self.minings[: end + 1], generations) for end in range(len(self.minings))]

    def add(self, mining: MiningResult, write: bool = True) -> None:
        """Add a mining, and append it to the file if `write` is set, as it is in the main process alone."""
        before = set_aside(self.minings)
        self.minings.append(mining)
        self._weights.append(weights(self.minings, self.generations))
        now = set_aside(self.minings)
        line = {
            **mining._asdict(),
            "pool": self._digest,
            "histogram": np.bincount(mining.right, minlength=mining.samples + 1).tolist(),
            "mean": self.means[-1],
            "effective": self._effective_items(),
            "always_right": self._ids(now.right),
            "always_wrong": self._ids(now.wrong),
            "returned": self._ids(before.all - now.all),
        }
        if write:
            step_log.append(self.file, [line])

    @property
    def means(self) -> list[float]:
        """The pool's mean reward at each mining."""
        return [sum(mining.right) / (mining.samples * len(mining.right)) for mining in self.minings]

    def metrics(self) -> dict[str, float]:
        """Return the last mining's numbers for metrics.jsonl."""
        now = set_aside(self.minings)
        return {
            "mined_mean": self.means[-1],
            "mined_effective": self._effective_items(),
            "mined_always_right": float(len(now.right)),
            "mined_always_wrong": float(len(now.wrong)),
        }

    def weights_at(self, draw: int) -> Floats:
        """Return the weights for a draw (from 0): those of the last mining before the draw's step, or of the first.

        The data loader reads one step ahead, so a mining at the very step of a draw comes too late for it.
        """
        index = sum(mining.step < draw for mining in self.minings) - 1
        return self._weights[max(index, 0)]

    def _effective_items(self) -> float:
        return float(1 / (self._weights[-1] ** 2).sum())

    def _ids(self, indices: frozenset[int]) -> list[str]:
        return [self.items[index] for index in sorted(indices)]

    def _read(self, line: dict[str, Any]) -> MiningResult:
        if line.get("pool") != self._digest:
            raise RunError(
                ErrorCode.TRAINING_DATA_CHANGED,
                f"{self.file}: is of another pool of items than the stage's: remove the stage's folder",
            )
        return MiningResult(line["step"], line["samples"], tuple(line["right"]))


def _indices(mask: Any) -> frozenset[int]:
    indices: Indices = np.flatnonzero(mask)
    return frozenset(indices.tolist())
