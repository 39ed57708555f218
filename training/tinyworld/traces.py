"""What a response to an item looks like: a path told fact by fact, to its end or broken off, and the answer."""

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
"""Shares of the traces that guess, and of those that break off with two facts or more untold; the others tell all."""


def drawn(path: FactPath, item: Item, draw: random.Random) -> str:
    """Tell as much of a path as chance has it, and name its end all the same."""
    guesses, breaks = SHARES[path.tier]
    place = draw.random()
    if place < guesses:
        return trace(path, item, 0)
    return trace(path, item, draw.randint(1, len(path.facts) - 2) if place < guesses + breaks else len(path.facts))


def trace(path: FactPath, item: Item, told: int) -> str:
    """Tell the first facts of a path, then answer."""
    facts = " ".join(fact.state() for fact in path.facts[:told])
    reasoning = f"First, {facts} " if told else ""
    return f"{reasoning}So {path.end}: {item.gold}.\n{write('answer_tag', item.gold)}"
