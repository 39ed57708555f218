"""Which items are worth a group: the whole pool is asked again and again, and what keeps failing weighs more."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
from scipy.special import betaln

from evalsuite.errors import RunError
from training import step_log
from training.curriculum.prompt_sampler import Floats, Indices

FORGET: Final = 0.5
"""What a mining still counts when the next one is there: the policy has moved on since."""
PRIOR: Final = 0.5
"""Right and wrong responses that every item is given beforehand (Jeffreys)."""
SETTLED: Final = 2
"""Minings in a row, all right or all wrong, after which an item is set aside."""
FLOOR: Final = 0.01
"""Weight of what is set aside; of the rest, about 0.6 is the most."""


class MiningResult(NamedTuple):
    """What one mining found."""

    step: int
    """Optimizer steps that the policy had made."""
    samples: int
    """Responses an item."""
    right: tuple[int, ...]
    """Right ones of each item, in the pool's order."""


class SetAsideItems(NamedTuple):
    """Rows of the pool that have been all right, or all wrong, for so long that they are set aside."""

    right: frozenset[int]
    wrong: frozenset[int]


def weights(minings: Sequence[MiningResult], generations: int) -> Floats:
    """Weigh every item of the pool; weights are above 0 and sum to 1.

    An item's chance p of a right response has the posterior Beta(PRIOR + right, PRIOR + wrong), where a response of the
    mining that is m minings old counts FORGET^m. The weight is the posterior mean of

        (1 - p) (1 - p^G - (1 - p)^G)

    the share that fails times the chance that a group of G completions is not dead. It is small for what is always
    right (nothing to learn), smaller for what is always wrong the longer it is (nothing to learn from), and largest for
    what is right now and then. What is set aside weighs FLOOR before weights are made to sum to 1, the rest no less.
    """
    counted = FORGET ** np.arange(len(minings) - 1, -1, -1, dtype=np.float64)
    right = counted @ np.array([mined.right for mined in minings], dtype=np.float64)
    total = float(counted @ np.array([mined.samples for mined in minings], dtype=np.float64))
    a, b = PRIOR + right, PRIOR + total - right

    def moment(i: int, j: int) -> Floats:
        """Posterior mean of p^i (1 - p)^j."""
        mean: Floats = np.exp(betaln(a + i, b + j) - betaln(a, b))
        return mean

    useful = np.maximum(moment(0, 1) - moment(generations, 1) - moment(0, generations + 1), FLOOR)
    useful[sorted(frozenset.union(*aside(minings)))] = FLOOR
    weighed: Floats = useful / useful.sum()
    return weighed


def aside(minings: Sequence[MiningResult]) -> SetAsideItems:
    """Find what was all right, or all wrong, in each of the last `SETTLED` minings; nothing where there are fewer."""
    if len(minings) < SETTLED:
        return SetAsideItems(frozenset(), frozenset())
    last = minings[-SETTLED:]
    right = np.all([np.array(mined.right) == mined.samples for mined in last], axis=0)
    wrong = np.all([np.array(mined.right) == 0 for mined in last], axis=0)
    return SetAsideItems(_rows(right), _rows(wrong))


class MiningHistory:
    """The minings of a stage, in a file with a line each that names what is set aside.

    What is set aside is asked again at each mining like everything else, and comes back (`woken`) once its responses
    are of both kinds. A line holds step, samples, the pool's digest, `right` in the pool's order, the histogram of
    right responses (0 to samples), the mean, the number of items that equal weights would spread over as widely
    (`effective`, 1 / sum of squared weights), and the ids `always_right`, `always_wrong` and `woken`.
    """

    def __init__(self, file: Path, items: Sequence[str], generations: int) -> None:
        self.file, self.items, self.generations = file, list(items), generations
        self._digest = hashlib.sha256("\n".join(self.items).encode()).hexdigest()
        self.minings = [self._read(line) for line in step_log.read(file)]
        self._weights = [weights(self.minings[: end + 1], generations) for end in range(len(self.minings))]

    def add(self, mined: MiningResult, write: bool = True) -> None:
        """Take in a mining and put it on disk."""
        before = aside(self.minings)
        self.minings.append(mined)
        self._weights.append(weights(self.minings, self.generations))
        now = aside(self.minings)
        line = {
            **mined._asdict(),
            "pool": self._digest,
            "histogram": np.bincount(mined.right, minlength=mined.samples + 1).tolist(),
            "mean": self.means[-1],
            "effective": self._effective(),
            "always_right": self._named(now.right),
            "always_wrong": self._named(now.wrong),
            "woken": self._named(frozenset.union(*before) - frozenset.union(*now)),
        }
        if write:
            step_log.append(self.file, [line])

    @property
    def means(self) -> list[float]:
        """The pool's mean reward at each mining."""
        return [sum(mined.right) / (mined.samples * len(mined.right)) for mined in self.minings]

    def shown(self) -> dict[str, float]:
        """What the log shows of the last mining."""
        now = aside(self.minings)
        return {
            "mined_mean": self.means[-1],
            "mined_effective": self._effective(),
            "mined_always_right": float(len(now.right)),
            "mined_always_wrong": float(len(now.wrong)),
        }

    def weights_at(self, draw: int) -> Floats:
        """The weights for a draw (from 0): of the first mining, and then of the last one before the draw's own step.

        A mining at that very step would come too late, since the loader reads one step ahead.
        """
        place = sum(mined.step < draw for mined in self.minings) - 1
        return self._weights[max(place, 0)]

    def _effective(self) -> float:
        return float(1 / (self._weights[-1] ** 2).sum())

    def _named(self, rows: frozenset[int]) -> list[str]:
        return [self.items[row] for row in sorted(rows)]

    def _read(self, line: dict[str, Any]) -> MiningResult:
        if line.get("pool") != self._digest:
            raise RunError(f"{self.file}: of another pool of items than the stage's: remove the stage's folder")
        return MiningResult(line["step"], line["samples"], tuple(line["right"]))


def _rows(mask: Any) -> frozenset[int]:
    found: Indices = np.flatnonzero(mask)
    return frozenset(found.tolist())
