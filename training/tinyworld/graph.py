"""The world: entities of several kinds, and relations that map each subject to exactly one object."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from training.tinyworld.names import make_names


class Relation(NamedTuple):
    """One type of edge in words; `{0}` is the subject and `{1}` the object."""

    name: str
    subject: str
    object: str
    sentences: tuple[str, ...]
    """Sentences that state a fact; traces use the first."""
    question: str
    """The question whose answer is the object."""
    noun_phrase: str
    """A description of the object by its subject, used inside a longer question."""


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
"""Worded like the Disease Ontology's definitions, and like treats / palliates / contraindicated in drug indications."""

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
"""The number of entities of each kind."""
DIFFERENTIAL: Final = ("basis", "located_in")
"""Two diseases that share the object of one of these relations compete in a differential diagnosis."""


class Fact(NamedTuple):
    """One edge."""

    subject: str
    relation: Relation
    object: str

    def sentence(self, form: int = 0) -> str:
        """Return the fact as a sentence, in one of the relation's forms."""
        return self.relation.sentences[form].format(self.subject, self.object)


@dataclass(frozen=True)
class TinyWorld:
    """One world's entities and facts; each relation has one object per subject, so a chain of relations has one end."""

    seed: int
    entities: Mapping[str, tuple[str, ...]]
    """Names by kind."""
    edges: Mapping[tuple[str, str], str]
    """Objects by subject and name of the relation."""

    def facts(self) -> Iterator[Fact]:
        """Yield every fact, relation by relation."""
        for relation in RELATIONS:
            for subject in self.entities[relation.subject]:
                yield Fact(subject, relation, self.edges[subject, relation.name])

    def fact(self, subject: str, relation: Relation) -> Fact:
        """Return the one fact with a subject and a relation."""
        return Fact(subject, relation, self.edges[subject, relation.name])

    def competitors(self, disease: str) -> list[str]:
        """Return the diseases that share an agent or an organ with this one but not both, in the world's order."""
        objects = self._differential(disease)
        return [
            other
            for other in self.entities["disease"]
            if objects != (others := self._differential(other))
            and any(a == b for a, b in zip(objects, others, strict=True))
        ]

    def _differential(self, disease: str) -> list[str]:
        return [self.edges[disease, name] for name in DIFFERENTIAL]


def make_world(seed: int, counts: Mapping[str, int] = COUNTS) -> TinyWorld:
    """Draw a world in which the objects of a relation occur about equally often.

    No object has two relations to one subject: no drug both treats and palliates a disease.
    """
    entities = make_names(counts, seed)
    edges: dict[tuple[str, str], str] = {}
    for relation in RELATIONS:
        draw = random.Random(f"{seed}/{relation.name}")
        subjects = entities[relation.subject]
        used = [{o for (s, _), o in edges.items() if s == subject} for subject in subjects]
        objects = _deal(entities[relation.object], len(subjects), draw)
        while any(o in of_subject for o, of_subject in zip(objects, used, strict=True)):
            _swap_repeated(objects, used, draw)
        edges.update({(s, relation.name): o for s, o in zip(subjects, objects, strict=True)})
    return TinyWorld(seed, entities, edges)


def _deal(objects: Sequence[str], count: int, draw: random.Random) -> list[str]:
    """Return `count` objects in random order whose frequencies differ by one at most."""
    dealt = [objects[i % len(objects)] for i in range(count)]
    draw.shuffle(dealt)
    return dealt


def _swap_repeated(objects: list[str], used: Sequence[set[str]], draw: random.Random) -> None:
    """Swap each object that its subject has by another relation with a random one, which keeps the frequencies."""
    for i, of_subject in enumerate(used):
        if objects[i] in of_subject:
            j = draw.randrange(len(objects))
            objects[i], objects[j] = objects[j], objects[i]
