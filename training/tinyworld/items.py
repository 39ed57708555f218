"""A path as a multiple-choice item: its question, and distractors that compete with its end."""

from __future__ import annotations

import random
from collections.abc import Collection, Iterator
from typing import Final

from evalsuite.tasks.item import Item
from training.tinyworld.graph import RELATIONS, TinyWorld
from training.tinyworld.paths import FactPath, Splits, walk

LABELS: Final = "ABCDEFGHIJ"
FEWEST: Final = 4
"""Options that an item has at least; at most as many as there are labels."""


def make_item(
    world: TinyWorld, splits: Splits, path: FactPath, name: str, draw: random.Random, known: bool = False
) -> Item:
    """Make an item of a path with 4 to 10 options; where `known`, none of them belongs to a held-out disease alone.

    All options are of one kind. Half of the distractors, if there are as many, are near: what the same question asked
    of a competing disease would have as its answer, and what stands in another relation to the path's last step.
    """
    count = draw.randint(FEWEST, len(LABELS))
    never = splits.silent(world) if known else frozenset()
    options = [path.end, *_distractors(world, path, count - 1, draw, never)]
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
    """What accuracies are reported by: never asked of in training is the whole disease, or this path through it."""
    new = "disease" if path.disease(world) in splits.held_out else "path"
    return {"tier": path.tier, "hops": str(len(path.facts)), "asked": path.facts[-1].relation.object, "new": new}


def _distractors(
    world: TinyWorld, path: FactPath, count: int, draw: random.Random, never: Collection[str]
) -> list[str]:
    refused = {path.end, *never}
    near = [name for name in dict.fromkeys(_near(world, path)) if name not in refused]
    draw.shuffle(near)
    chosen = near[: (count + 1) // 2]
    kind = path.facts[-1].relation.object
    far = [name for name in world.entities[kind] if name not in refused and name not in chosen]
    return chosen + draw.sample(far, count - len(chosen))


def _near(world: TinyWorld, path: FactPath) -> Iterator[str]:
    """Ends of the path of a rival disease, and what the last subject is related to by another relation."""
    last = path.facts[-1]
    kind = last.relation.object
    for relation in RELATIONS:
        if relation != last.relation and relation.subject == last.relation.subject and relation.object == kind:
            yield world.step(last.subject, relation).object
    if disease := path.disease(world):
        if last.object == disease:
            yield from world.rivals(disease)
            return
        after = tuple(f.relation for f in path.facts if f.relation.name != "symptom_of")
        for rival in world.rivals(disease):
            yield walk(world, rival, after).end
