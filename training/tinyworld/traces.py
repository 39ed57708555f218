"""What a response to an item looks like: a path told fact by fact, to its end or until it breaks off, and the answer."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Final

from evalsuite.formats import write
from evalsuite.task import Item
from training.tinyworld.paths import Path, Tier

WHOLE: Final[Mapping[Tier, float]] = {"easy": 0.6, "moderate": 0.5, "difficult": 0.35}
"""Share of the traces that tell every fact; the others break off at any place before, and name the end all the same."""


def drawn(path: Path, item: Item, draw: random.Random) -> str:
    """Tell as much of a path as chance has it."""
    whole = draw.random() < WHOLE[path.tier]
    return trace(path, item, len(path.facts) if whole else draw.randrange(len(path.facts)))


def trace(path: Path, item: Item, told: int) -> str:
    """Tell the first facts of a path, then answer."""
    facts = " ".join(fact.state() for fact in path.facts[:told])
    reasoning = f"First, {facts} " if told else ""
    return f"{reasoning}So {path.end}: {item.gold}.\n{write('answer_tag', item.gold)}"
