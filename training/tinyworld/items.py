"""Multiple-choice items from paths: the question, the end of the path as gold, and distractors that compete with it."""

from __future__ import annotations

import random
from collections.abc import Collection, Iterator
from typing import Final

from evalsuite.tasks.item import Item
from training.tinyworld.graph import RELATIONS, TinyWorld
from training.tinyworld.paths import FactPath, Splits, follow

LABELS: Final = "ABCDEFGHIJ"
MIN_OPTIONS: Final = 4
"""The smallest number of options; the largest is the number of labels."""


def make_item(
    world: TinyWorld, splits: Splits, path: FactPath, name: str, draw: random.Random, for_training: bool = False
) -> Item:
    """Return an item with 4 to 10 options of one kind; `for_training`: without the names that are held out.

    Up to half of the distractors are near: the answer to the same question about a competing disease, and the objects
    of other relations of the last subject.
    """
    count = draw.randint(MIN_OPTIONS, len(LABELS))
    excluded = splits.held_out_names(world) if for_training else frozenset()
    options = [path.end, *_distractors(world, path, count - 1, draw, excluded)]
    draw.shuffle(options)
    labels = tuple(LABELS[:count])
    return Item(
        id=name,
        question=path.question(),
        options=tuple(options),
        labels=labels,
        gold=labels[options.index(path.end)],
        group=path.disease(world) or path.start,
        meta=_meta(world, splits, path),
    )


def _meta(world: TinyWorld, splits: Splits, path: FactPath) -> dict[str, str]:
    """Return the fields by which accuracy is reported; `new`: what training has never seen, disease or path."""
    new = "disease" if path.disease(world) in splits.held_out else "path"
    return {"tier": path.tier, "hops": str(len(path.facts)), "asked": path.facts[-1].relation.object, "new": new}


def _distractors(
    world: TinyWorld, path: FactPath, count: int, draw: random.Random, excluded: Collection[str]
) -> list[str]:
    unusable = {path.end, *excluded}
    near = [name for name in dict.fromkeys(_near(world, path)) if name not in unusable]
    draw.shuffle(near)
    chosen = near[: (count + 1) // 2]
    kind = path.facts[-1].relation.object
    far = [name for name in world.entities[kind] if name not in unusable and name not in chosen]
    return chosen + draw.sample(far, count - len(chosen))


def _near(world: TinyWorld, path: FactPath) -> Iterator[str]:
    """Yield objects of other relations of the last subject, and the ends of the same path from competing diseases."""
    last = path.facts[-1]
    kind = last.relation.object
    for relation in RELATIONS:
        if relation != last.relation and relation.subject == last.relation.subject and relation.object == kind:
            yield world.fact(last.subject, relation).object
    if disease := path.disease(world):
        if last.object == disease:
            yield from world.competitors(disease)
            return
        chain = tuple(f.relation for f in path.facts if f.relation.name != "symptom_of")
        for competitor in world.competitors(disease):
            yield follow(world, competitor, chain).end
