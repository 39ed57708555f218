"""The benchmark tinyworld_reading: items with random facts as context, one of which answers the question."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Final

from evalsuite.tasks.item import Item
from training.tinyworld.corpus import mix_with_random_facts, random_fact
from training.tinyworld.graph import RELATIONS, Fact, TinyWorld
from training.tinyworld.items import LABELS, MIN_OPTIONS
from training.tinyworld.paths import FactPath

READING: Final = "tinyworld_reading"
ITEMS: Final = 400
HEADING: Final = "Facts"


def reading_items(world: TinyWorld) -> list[Item]:
    """Return its items; the frequencies of the relations in questions differ by one at most.

    A question needs one fact: the practice texts answer longer ones only after stating every fact on the path. Options
    are full sentences, as practice states them before it names the answer, so they differ in their last word alone.
    """
    draw = random.Random(f"{world.seed}/reading")
    facts = [random_fact(world, RELATIONS[n % len(RELATIONS)], draw) for n in range(ITEMS)]
    draw.shuffle(facts)
    return [_item(world, fact, f"r{n:04}", draw) for n, fact in enumerate(facts)]


def _item(world: TinyWorld, fact: Fact, name: str, draw: random.Random) -> Item:
    context = mix_with_random_facts(world, FactPath((fact,)), draw)
    count = draw.randint(MIN_OPTIONS, len(LABELS))
    ends = [fact.object, *_distractors(world, fact, context, count - 1, draw)]
    draw.shuffle(ends)
    labels = tuple(LABELS[:count])
    same_relation = sum(other.relation == fact.relation for other in context) - 1
    return Item(
        id=name,
        question=FactPath((fact,)).question(),
        options=tuple(fact._replace(object=end).sentence().removesuffix(".") for end in ends),
        labels=labels,
        gold=labels[ends.index(fact.object)],
        context=((HEADING, " ".join(other.sentence() for other in context)),),
        meta={"asked": fact.relation.object, "rival": "told" if same_relation else "none"},
    )


def _distractors(world: TinyWorld, fact: Fact, context: Sequence[Fact], count: int, draw: random.Random) -> list[str]:
    """Return names of the answer's kind: first those in the context, then others."""
    kind = [name for name in world.entities[fact.relation.object] if name != fact.object]
    mentioned = {name for other in context for name in (other.subject, other.object)}
    near = [name for name in kind if name in mentioned][:count]
    far = [name for name in kind if name not in mentioned]
    return near + draw.sample(far, count - len(near))
