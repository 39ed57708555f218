"""Paths of 1 to 4 facts through the world, divided into train, dev and test."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Literal

from training.tinyworld.graph import RELATIONS, Fact, Relation, TinyWorld

Split = Literal["train", "dev", "test"]
Tier = Literal["easy", "moderate", "difficult"]
TIERS: Final[tuple[Tier, ...]] = ("easy", "moderate", "difficult")
MAX_FACTS: Final = 4
"""Facts in the longest paths."""
_SHARES: Final[Mapping[Split, float]] = {"train": 0.45, "dev": 0.15, "test": 0.40}
"""Shares of each split among the paths through no held-out disease."""
_HELD_OUT: Final[Mapping[Split, float]] = {"dev": 0.06, "test": 0.12}
"""Shares of the diseases that are held out: no trace and no training question mentions them."""


@dataclass(frozen=True)
class FactPath:
    """One sequence of facts, each with the object of the one before as its subject."""

    facts: tuple[Fact, ...]

    @property
    def start(self) -> str:
        """The entity that the question mentions."""
        return self.facts[0].subject

    @property
    def end(self) -> str:
        """The entity that answers the question."""
        return self.facts[-1].object

    @property
    def nodes(self) -> tuple[str, ...]:
        """Every entity of the path, in order."""
        return (self.start, *(fact.object for fact in self.facts))

    @property
    def tier(self) -> Tier:
        """The tier of difficulty: one fact is easy, two are moderate, more are difficult."""
        return TIERS[min(len(self.facts), 3) - 1]

    def disease(self, world: TinyWorld) -> str:
        """Return the disease on the path, or an empty string."""
        return next((node for node in self.nodes if node in world.entities["disease"]), "")

    def question(self) -> str:
        """Return the question for the end, which mentions the start and describes what is between them."""
        subject = self.start
        for fact in self.facts[:-1]:
            subject = fact.relation.noun_phrase.format(subject)
        return self.facts[-1].relation.question.format(subject)


@dataclass(frozen=True)
class Splits:
    """One division of all paths, with the diseases that occur on dev or test paths only."""

    paths: Mapping[Split, tuple[FactPath, ...]]
    held_out: Mapping[str, Split]

    def held_out_names(self, world: TinyWorld) -> frozenset[str]:
        """Return the held-out diseases and their symptoms, which no trace and no training item mentions."""
        symptoms = (f for f in world.entities["finding"] if world.edges[f, "symptom_of"] in self.held_out)
        return frozenset((*self.held_out, *symptoms))


def relation_chains(max_facts: int = MAX_FACTS) -> Iterator[tuple[Relation, ...]]:
    """Yield every sequence of relations in which each subject is of the kind of the object before, short ones first."""
    chains: list[tuple[Relation, ...]] = [(relation,) for relation in RELATIONS]
    for _ in range(max_facts):
        yield from chains
        chains = [(*chain, next_) for chain in chains for next_ in RELATIONS if next_.subject == chain[-1].object]


def all_paths(world: TinyWorld) -> Iterator[FactPath]:
    """Yield every path of the world."""
    for chain in relation_chains():
        for start in world.entities[chain[0].subject]:
            yield follow(world, start, chain)


def follow(world: TinyWorld, start: str, chain: tuple[Relation, ...]) -> FactPath:
    """Return the path from an entity along a chain of relations."""
    facts: list[Fact] = []
    for relation in chain:
        facts.append(world.fact(facts[-1].object if facts else start, relation))
    return FactPath(tuple(facts))


def split_paths(world: TinyWorld) -> Splits:
    """Divide all paths: those through a held-out disease go to its split, the others by shares within each tier."""
    held_out = _draw_held_out(world)
    by_split: dict[Split, list[FactPath]] = {"train": [], "dev": [], "test": []}
    by_tier: dict[Tier, list[FactPath]] = {tier: [] for tier in TIERS}
    for path in all_paths(world):
        if split := held_out.get(path.disease(world)):
            by_split[split].append(path)
        else:
            by_tier[path.tier].append(path)
    for tier, paths in by_tier.items():
        random.Random(f"{world.seed}/split/{tier}").shuffle(paths)
        start = 0
        for split, share in _SHARES.items():
            # Test, the last split, gets the remainder of the rounding.
            end = len(paths) if split == "test" else start + round(share * len(paths))
            by_split[split] += paths[start:end]
            start = end
    for split, paths in by_split.items():
        random.Random(f"{world.seed}/order/{split}").shuffle(paths)
    return Splits({split: tuple(paths) for split, paths in by_split.items()}, held_out)


def _draw_held_out(world: TinyWorld) -> dict[str, Split]:
    diseases = list(world.entities["disease"])
    random.Random(f"{world.seed}/held out").shuffle(diseases)
    held_out: dict[str, Split] = {}
    for split, share in _HELD_OUT.items():
        for _ in range(round(share * len(world.entities["disease"]))):
            held_out[diseases.pop()] = split
    return held_out
