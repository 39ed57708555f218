"""Reasoning traces: a path stated fact by fact, to its end or only in part, and the answer."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Final

from evalsuite.tasks.answer_format import write
from evalsuite.tasks.item import Item
from training.tinyworld.paths import FactPath, Tier

SHARES: Final[Mapping[Tier, tuple[float, float]]] = {
    "easy": (0.4, 0.0),
    "moderate": (0.5, 0.0),
    "difficult": (0.6, 0.25),
}
"""Shares of the traces that state no fact, and of those that omit at least the last two; the others state all."""


def draw_trace(path: FactPath, item: Item, draw: random.Random) -> str:
    """Return a trace that states a random number of the path's facts and ends in the right answer in any case."""
    none, some = SHARES[path.tier]
    number = draw.random()
    if number < none:
        return write_trace(path, item, 0)
    if number < none + some:
        return write_trace(path, item, draw.randint(1, len(path.facts) - 2))
    return write_trace(path, item, len(path.facts))


def write_trace(path: FactPath, item: Item, count: int) -> str:
    """Return a trace that states the first `count` facts of a path and then answers."""
    facts = " ".join(fact.sentence() for fact in path.facts[:count])
    reasoning = f"First, {facts} " if count else ""
    return f"{reasoning}So {path.end}: {item.gold}.\n{write('answer_tag', item.gold)}"
