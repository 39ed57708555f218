"""What a response to an item looks like: the path told fact by fact, or only its end."""

from __future__ import annotations

from evalsuite.formats import write
from evalsuite.task import Item
from training.tinyworld.paths import Path


def reasoned(path: Path, item: Item) -> str:
    """Tell every fact of the path, then answer."""
    return f"First, {' '.join(fact.state() for fact in path.facts)} {guessed(path, item)}"


def guessed(path: Path, item: Item) -> str:
    """Answer at once."""
    return f"So {path.end}: {item.gold}.\n{write('answer_tag', item.gold)}"
