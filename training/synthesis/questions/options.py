"""Chooses distractors such that no property of an option's own tells which one is right.

Options differ in how long their text is, how much the graph knows of them, how often they can be an answer at all. If
the answer ranked first, or last, in one of these more often than chance has it, a rule that never reads the question
would score above chance. So every question's distractors are chosen for the ranks that the answer had least often yet,
and a question whose answer could only have ranks that are already taken too often is not asked.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import Final

from training.synthesis.questions.draw import Draw

Traits = Callable[[int], tuple[float, ...]]
"""Returns what of an option could give it away, as numbers: the same ones for each option of a shape."""
DISTRACTORS: Final = 4
_TRIED: Final = 16
CANDIDATES: Final = 24
_LOOKED_AT: Final = 72


class Balance:
    """How often the answers of one shape had which rank among their options, trait by trait."""

    def __init__(self) -> None:
        self._ranks: dict[int, list[int]] = defaultdict(lambda: [0] * (DISTRACTORS + 1))
        self._answers = 0

    def excess(self, ranks: Sequence[int]) -> float:
        """Return by how many answers the fullest of these ranks is above its share."""
        share = self._answers / (DISTRACTORS + 1)
        return max(self._ranks[trait][rank] - share for trait, rank in enumerate(ranks))

    @property
    def tolerance(self) -> float:
        """The largest excess at which another answer is taken: a hundredth of the answers, but two at first."""
        return max(2.0, 0.01 * self._answers)

    def count(self, ranks: Sequence[int]) -> None:
        """Count one more answer with these ranks."""
        self._answers += 1
        for trait, rank in enumerate(ranks):
            self._ranks[trait][rank] += 1


def candidates(pool: Sequence[int], usable: Callable[[int], bool], draw: Draw) -> list[int]:
    """Return up to `CANDIDATES` usable nodes of a pool, drawn at random; the rest of the pool is not looked at."""
    found: list[int] = []
    for node in islice(draw.order(pool), _LOOKED_AT):
        if usable(node):
            found.append(node)
            if len(found) == CANDIDATES:
                break
    return found


def choose(answer: int, candidates: Sequence[int], traits: Traits, balance: Balance, draw: Draw) -> list[int] | None:
    """Return the distractors of a question out of those that are proven wrong; None if every choice tells too much.

    Of a number of random choices the one is taken whose ranks of the answer were least frequent; equal values are
    ranked by chance.
    """
    if len(candidates) < DISTRACTORS:
        return None
    own = traits(answer)
    above = [_above(traits(each), own, draw) for each in candidates]
    best: tuple[float, list[int], list[int]] | None = None
    for chosen in islice(_choices(len(candidates), draw), _TRIED):
        ranks = [sum(column) for column in zip(*(above[place] for place in chosen), strict=True)]
        excess = balance.excess(ranks)
        if best is None or excess < best[0]:
            best = (excess, chosen, ranks)
    if best is None or best[0] > balance.tolerance:
        return None
    balance.count(best[2])
    return [candidates[place] for place in best[1]]


def _choices(count: int, draw: Draw) -> Iterator[list[int]]:
    """Yield sets of places without end; those of one round share none, which costs a shuffle for several sets."""
    places = list(range(count))
    while True:
        draw.shuffle(places)
        for start in range(0, count - DISTRACTORS + 1, DISTRACTORS):
            yield places[start : start + DISTRACTORS]


def _above(theirs: Sequence[float], ours: Sequence[float], draw: Draw) -> list[int]:
    """Return by trait 1 where a distractor ranks above the answer; among equals chance decides."""
    return [int(one > other or (one == other and draw.below(2) == 1)) for one, other in zip(theirs, ours, strict=True)]
