"""Paths of 1 to 4 facts through the world, and which of them are learnt from, tuned on and tested on."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Literal

from training.tinyworld.graph import RELATIONS, Fact, Relation, TinyWorld

Split = Literal["train", "dev", "test"]
Tier = Literal["easy", "moderate", "difficult"]
TIERS: Final[tuple[Tier, ...]] = ("easy", "moderate", "difficult")
LONGEST: Final = 4
"""Most facts in a path."""
_SHARES: Final[Mapping[Split, float]] = {"train": 0.45, "dev": 0.15, "test": 0.40}
"""Shares of the paths that touch no held-out disease."""
_HELD_OUT: Final[Mapping[Split, float]] = {"dev": 0.06, "test": 0.12}
"""Shares of the diseases of which no trace tells and no question for training asks."""


@dataclass(frozen=True)
class FactPath:
    """Facts, each beginning where the one before it ended."""

    facts: tuple[Fact, ...]

    @property
    def start(self) -> str:
        """The entity that the question names."""
        return self.facts[0].subject

    @property
    def end(self) -> str:
        """The entity that it asks for."""
        return self.facts[-1].object

    @property
    def nodes(self) -> tuple[str, ...]:
        """Every entity on the way."""
        return (self.start, *(fact.object for fact in self.facts))

    @property
    def tier(self) -> Tier:
        """How hard: one fact is easy, two are moderate, more are difficult."""
        return TIERS[min(len(self.facts), 3) - 1]

    def disease(self, world: TinyWorld) -> str:
        """The disease that it goes through; empty where it goes through none."""
        return next((node for node in self.nodes if node in world.entities["disease"]), "")

    def question(self) -> str:
        """Ask for its end by its start; what lies between stays unnamed."""
        named = self.start
        for fact in self.facts[:-1]:
            named = fact.relation.noun.format(named)
        return self.facts[-1].relation.asks.format(named)


@dataclass(frozen=True)
class Splits:
    """Paths apart by split, and the diseases that only dev or test paths go through."""

    paths: Mapping[Split, tuple[FactPath, ...]]
    held_out: Mapping[str, Split]

    def silent(self, world: TinyWorld) -> frozenset[str]:
        """The held-out diseases and their symptoms: what no trace names and no question for training asks or offers."""
        symptoms = (f for f in world.entities["finding"] if world.edges[f, "symptom_of"] in self.held_out)
        return frozenset((*self.held_out, *symptoms))


def chains(longest: int = LONGEST) -> Iterator[tuple[Relation, ...]]:
    """Yield every sequence of relations that fit each other, the short ones first."""
    known: list[tuple[Relation, ...]] = [(relation,) for relation in RELATIONS]
    for _ in range(longest):
        yield from known
        known = [(*chain, next_) for chain in known for next_ in RELATIONS if next_.subject == chain[-1].object]


def all_paths(world: TinyWorld) -> Iterator[FactPath]:
    """Yield every path of the world."""
    for chain in chains():
        for start in world.entities[chain[0].subject]:
            yield walk(world, start, chain)


def walk(world: TinyWorld, start: str, chain: tuple[Relation, ...]) -> FactPath:
    """Follow the relations from an entity."""
    facts: list[Fact] = []
    for relation in chain:
        facts.append(world.step(facts[-1].object if facts else start, relation))
    return FactPath(tuple(facts))


def split_paths(world: TinyWorld) -> Splits:
    """Deal the paths out: those through a held-out disease to its split, the others by shares within a tier."""
    held_out = _held_out(world)
    dealt: dict[Split, list[FactPath]] = {"train": [], "dev": [], "test": []}
    free: dict[Tier, list[FactPath]] = {tier: [] for tier in TIERS}
    for path in all_paths(world):
        if split := held_out.get(path.disease(world)):
            dealt[split].append(path)
        else:
            free[path.tier].append(path)
    for tier, paths in free.items():
        random.Random(f"{world.seed}/split/{tier}").shuffle(paths)
        at = 0
        for split, share in _SHARES.items():
            upto = len(paths) if split == "test" else at + round(share * len(paths))
            dealt[split] += paths[at:upto]
            at = upto
    for split, mixed in dealt.items():
        random.Random(f"{world.seed}/order/{split}").shuffle(mixed)
    return Splits({split: tuple(paths) for split, paths in dealt.items()}, held_out)


def _held_out(world: TinyWorld) -> dict[str, Split]:
    diseases = list(world.entities["disease"])
    random.Random(f"{world.seed}/held out").shuffle(diseases)
    found: dict[str, Split] = {}
    for split, share in _HELD_OUT.items():
        for _ in range(round(share * len(world.entities["disease"]))):
            found[diseases.pop()] = split
    return found
