"""Chooses distractors such that no property of an option's own tells which one is right.

Options differ in how long their text is, how much the graph knows of them, how often they can be an answer at all. If
the answer ranked first, or last, in one of these more often than chance has it, a rule that never reads the question
would score above chance. So every question's distractors are chosen for the ranks that the answer had least often yet,
and a question whose answer could only have ranks that are already taken too often is not asked.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import Final

from training.synthesis.questions.draw import Draw

Traits = Callable[[int], tuple[float, ...]]
"""Returns what of an option could give it away, as numbers: the same ones for each option of a shape."""
OPTIONS: Final = 5
DISTRACTORS: Final = OPTIONS - 1
_TRIED: Final = 12
_DRAWS: Final = 24


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
        """The largest excess at which another answer is taken: a hundredth of the answers, but three at first."""
        return max(3.0, 0.01 * self._answers)

    def count(self, ranks: Sequence[int]) -> None:
        """Count one more answer with these ranks."""
        self._answers += 1
        for trait, rank in enumerate(ranks):
            self._ranks[trait][rank] += 1


class SeenWords:
    """How often each word stood in a right option and in a wrong one."""

    def __init__(self) -> None:
        self._right: dict[str, int] = defaultdict(int)
        self._wrong: dict[str, int] = defaultdict(int)

    def count(self, right: Iterable[str], wrong: Iterable[Iterable[str]]) -> None:
        """Count the words of an answer and of its distractors."""
        for word in right:
            self._right[word] += 1
        for option in wrong:
            for word in option:
                self._wrong[word] += 1

    def odds(self, words: Iterable[str]) -> float:
        """Return how much more often an option with these words was right than chance has it, a word for itself."""
        right, wrong, found = self._right, self._wrong, 1.0
        for word in words:
            found *= (right.get(word, 0) + 1.0) / (wrong.get(word, 0) / DISTRACTORS + 1.0)
        return found


def choose(
    answer: int, pool: Sequence[int], sums: Sequence[float], traits: Traits, balance: Balance, draw: Draw
) -> list[int] | None:
    """Return the distractors of a question out of those that are proven wrong; None if every choice tells too much.

    `sums`: the running sums of the weights of the pool. Of a number of weighted choices the one is taken whose ranks of
    the answer were least frequent; equal values are ranked by chance.
    """
    if len(pool) < DISTRACTORS:
        return None
    own = traits(answer)
    above: dict[int, list[int]] = {}
    best: tuple[float, list[int], list[int]] | None = None
    for _ in range(_TRIED):
        chosen = _drawn(sums, draw)
        if chosen is None:
            continue
        for place in chosen:
            if place not in above:
                above[place] = _above(traits(pool[place]), own, draw)
        ranks = [sum(column) for column in zip(*(above[place] for place in chosen), strict=True)]
        excess = balance.excess(ranks)
        if best is None or excess < best[0]:
            best = (excess, chosen, ranks)
    if best is None or best[0] > balance.tolerance:
        return None
    balance.count(best[2])
    return [pool[place] for place in best[1]]


def _drawn(sums: Sequence[float], draw: Draw) -> list[int] | None:
    """Return places by weight, all different; None if one weight is so large that the others aren't drawn."""
    found: list[int] = []
    for _ in range(_DRAWS):
        place = draw.among(sums)
        if place not in found:
            found.append(place)
            if len(found) == DISTRACTORS:
                return found
    return None


def _above(theirs: Sequence[float], ours: Sequence[float], draw: Draw) -> list[int]:
    """Return by trait 1 where a distractor ranks above the answer; among equals chance decides."""
    return [int(one > other or (one == other and draw.below(2) == 1)) for one, other in zip(theirs, ours, strict=True)]
