"""A benchmark of reading: facts that are made up for each item, and a question that one of them answers."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Final

from evalsuite.tasks.item import Item
from training.tinyworld.corpus import among_others, made_up
from training.tinyworld.graph import RELATIONS, Fact, TinyWorld
from training.tinyworld.items import FEWEST, LABELS
from training.tinyworld.paths import FactPath

READING: Final = "tinyworld_reading"
ITEMS: Final = 400
HEADING: Final = "Facts"


def reading_items(world: TinyWorld) -> list[Item]:
    """Make its items, each relation asked for as often as any other, or once more; no text for training is among them.

    A question takes one fact: practice answers longer ones only after it has told the facts on the way. Options state
    the answer in full, as practice does before it names it, so that they differ in their last word alone.
    """
    draw = random.Random(f"{world.seed}/reading")
    asked = [made_up(world, RELATIONS[n % len(RELATIONS)], draw) for n in range(ITEMS)]
    draw.shuffle(asked)
    return [_item(world, fact, f"r{n:04}", draw) for n, fact in enumerate(asked)]


def _item(world: TinyWorld, fact: Fact, name: str, draw: random.Random) -> Item:
    told = among_others(world, FactPath((fact,)), draw)
    count = draw.randint(FEWEST, len(LABELS))
    ends = [fact.object, *_distractors(world, fact, told, count - 1, draw)]
    draw.shuffle(ends)
    labels = tuple(LABELS[:count])
    rivals = sum(other.relation == fact.relation for other in told) - 1
    return Item(
        id=name,
        question=FactPath((fact,)).question(),
        options=tuple(fact._replace(object=end).state().removesuffix(".") for end in ends),
        labels=labels,
        gold=labels[ends.index(fact.object)],
        context=((HEADING, " ".join(each.state() for each in told)),),
        meta={"asked": fact.relation.object, "rival": "told" if rivals else "none"},
    )


def _distractors(world: TinyWorld, fact: Fact, told: Sequence[Fact], count: int, draw: random.Random) -> list[str]:
    """Names of the answer's kind: first those that are told, then others."""
    kind = [name for name in world.entities[fact.relation.object] if name != fact.object]
    said = {name for other in told for name in (other.subject, other.object)}
    near = [name for name in kind if name in said][:count]
    far = [name for name in kind if name not in said]
    return near + draw.sample(far, count - len(near))
