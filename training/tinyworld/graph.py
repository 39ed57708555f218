"""The world: entities, and facts that lead from one to exactly one other by a relation of a clinical graph."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from training.tinyworld.names import make_names


class Relation(NamedTuple):
    """An edge type in words; `{0}` is the subject and `{1}` the object."""

    name: str
    subject: str
    object: str
    states: tuple[str, ...]
    """Sentences that state a fact; the first is the one that traces use."""
    asks: str
    """Begins a question for the object."""
    noun: str
    """Names the object by the subject, inside a longer question."""


RELATIONS: Final = (
    Relation(
        "symptom_of",
        "finding",
        "disease",
        ("{0} is a symptom of {1}.", "{1} has symptom {0}."),
        "Which disease has symptom {0}?",
        "the disease that has symptom {0}",
    ),
    Relation(
        "basis",
        "disease",
        "agent",
        ("{0} has material basis in {1}.", "{1} underlies {0}."),
        "Which agent underlies {0}?",
        "the agent that underlies {0}",
    ),
    Relation(
        "located_in",
        "disease",
        "organ",
        ("{0} is located in {1}.", "{1} is the seat of {0}."),
        "Which organ is the seat of {0}?",
        "the organ that is the seat of {0}",
    ),
    Relation(
        "results_in",
        "disease",
        "complication",
        ("{0} results in {1}.", "{1} follows from {0}."),
        "Which complication follows from {0}?",
        "the complication that follows from {0}",
    ),
    Relation(
        "detected_by",
        "disease",
        "test",
        ("{0} is detected by {1}.", "{1} detects {0}."),
        "Which test detects {0}?",
        "the test that detects {0}",
    ),
    Relation(
        "treated_with",
        "disease",
        "drug",
        ("{0} is treated with {1}.", "{1} treats {0}."),
        "Which drug treats {0}?",
        "the drug that treats {0}",
    ),
    Relation(
        "palliated_with",
        "disease",
        "drug",
        ("{0} is palliated with {1}.", "{1} palliates {0}."),
        "Which drug palliates {0}?",
        "the drug that palliates {0}",
    ),
    Relation(
        "contraindicates",
        "disease",
        "drug",
        ("{0} contraindicates {1}.", "{1} is contraindicated in {0}."),
        "Which drug is contraindicated in {0}?",
        "the drug that is contraindicated in {0}",
    ),
    Relation(
        "transmitted_by",
        "agent",
        "vector",
        ("{0} is transmitted by {1}.", "{1} transmits {0}."),
        "Which vector transmits {0}?",
        "the vector that transmits {0}",
    ),
    Relation(
        "controlled_by",
        "vector",
        "measure",
        ("{0} is controlled by {1}.", "{1} controls {0}."),
        "Which measure controls {0}?",
        "the measure that controls {0}",
    ),
    Relation(
        "repaired_by",
        "complication",
        "procedure",
        ("{0} is repaired by {1}.", "{1} repairs {0}."),
        "Which procedure repairs {0}?",
        "the procedure that repairs {0}",
    ),
    Relation(
        "causes",
        "drug",
        "effect",
        ("{0} causes {1}.", "{1} is an effect of {0}."),
        "Which effect is caused by {0}?",
        "the effect that is caused by {0}",
    ),
    Relation(
        "acts_on",
        "drug",
        "receptor",
        ("{0} acts on {1}.", "{1} is acted on by {0}."),
        "Which receptor does {0} act on?",
        "the receptor of {0}",
    ),
    Relation(
        "reversed_by",
        "effect",
        "antidote",
        ("{0} is reversed by {1}.", "{1} reverses {0}."),
        "Which antidote reverses {0}?",
        "the antidote that reverses {0}",
    ),
)
"""Phrased as the Disease Ontology's definitions and as treats / palliates / contraindicated of drug indications."""

COUNTS: Final[Mapping[str, int]] = {
    "finding": 100,
    "disease": 100,
    "agent": 40,
    "vector": 20,
    "measure": 20,
    "organ": 24,
    "complication": 50,
    "procedure": 25,
    "test": 40,
    "drug": 80,
    "receptor": 24,
    "effect": 40,
    "antidote": 24,
}
"""How many entities of each kind there are."""
SHARED: Final = ("basis", "located_in")
"""Relations by which diseases are told to be alike: two that share an object here compete in a differential."""


class Fact(NamedTuple):
    """One edge."""

    subject: str
    relation: Relation
    object: str

    def state(self, form: int = 0) -> str:
        """Say it as a sentence."""
        return self.relation.states[form].format(self.subject, self.object)


@dataclass(frozen=True)
class TinyWorld:
    """All entities and facts; every relation is a function of its subject, so a chain of them has one end."""

    seed: int
    entities: Mapping[str, tuple[str, ...]]
    """Kind -> names."""
    edges: Mapping[tuple[str, str], str]
    """(subject, relation's name) -> object."""

    def facts(self) -> Iterator[Fact]:
        """Yield every fact, relation by relation."""
        for relation in RELATIONS:
            for subject in self.entities[relation.subject]:
                yield Fact(subject, relation, self.edges[subject, relation.name])

    def step(self, subject: str, relation: Relation) -> Fact:
        """Return the one fact of a subject by a relation."""
        return Fact(subject, relation, self.edges[subject, relation.name])

    def rivals(self, disease: str) -> list[str]:
        """List the diseases that share an agent or an organ with this one, in the world's order."""
        own = [self.edges[disease, name] for name in SHARED]
        alike = (d for d in self.entities["disease"] if own != [self.edges[d, name] for name in SHARED])
        return [d for d in alike if any(self.edges[d, n] == o for n, o in zip(SHARED, own, strict=True))]


def make_world(seed: int, counts: Mapping[str, int] = COUNTS) -> TinyWorld:
    """Draw a world; each kind's objects are used about equally often, and no drug bears two relations to a disease."""
    entities = make_names(counts, seed)
    edges: dict[tuple[str, str], str] = {}
    for relation in RELATIONS:
        draw = random.Random(f"{seed}/{relation.name}")
        subjects = entities[relation.subject]
        taken = [{o for (s, n), o in edges.items() if s == subject} for subject in subjects]
        objects = _even(entities[relation.object], len(subjects), draw)
        while any(o in used for o, used in zip(objects, taken, strict=True)):
            _swap_clashes(objects, taken, draw)
        edges.update({(s, relation.name): o for s, o in zip(subjects, objects, strict=True)})
    return TinyWorld(seed, entities, edges)


def _even(objects: Sequence[str], count: int, draw: random.Random) -> list[str]:
    """`count` of the objects in random order, each as often as any other, or once more."""
    dealt = [objects[i % len(objects)] for i in range(count)]
    draw.shuffle(dealt)
    return dealt


def _swap_clashes(objects: list[str], taken: Sequence[set[str]], draw: random.Random) -> None:
    for i, used in enumerate(taken):
        if objects[i] in used:
            j = draw.randrange(len(objects))
            objects[i], objects[j] = objects[j], objects[i]
