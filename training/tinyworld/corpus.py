"""Pretraining texts: reading practice on random facts (base), and the world's facts in sentences (corpus)."""

from __future__ import annotations

import random
from collections.abc import Collection, Iterator, Sequence
from typing import Final

from training.tinyworld.graph import RELATIONS, Fact, Relation, TinyWorld
from training.tinyworld.items import LABELS, MIN_OPTIONS
from training.tinyworld.paths import FactPath, relation_chains

QUESTION_SHARE: Final = 0.4
"""Share of the given paths that become a question in each round, in each of two forms."""
REPLAY: Final = 0.15
"""Practice texts per text of the corpus: without this replay the model forgets how to read its prompt."""
MAX_OTHER_FACTS: Final = 5
"""The largest number of facts in a practice text that its question does not need."""
_CHAINS: Final = tuple(relation_chains())


def base_documents(
    world: TinyWorld, count: int, draw: random.Random, excluded: Collection[str] = ()
) -> Iterator[dict[str, str]]:
    """Yield practice texts as prompts with completions: alternately options to repeat, and random facts to reason over.

    No text has a question of `excluded`, although it would be about other facts.
    """
    for index in range(count):
        labels = LABELS[: draw.randint(MIN_OPTIONS, len(LABELS))]
        yield _reasoning_text(world, draw, excluded) if index % 2 else _options_text(world, labels, draw)


def _options_text(world: TinyWorld, labels: Sequence[str], draw: random.Random) -> dict[str, str]:
    """Return options of one kind; the completion repeats them in another order, with their labels."""
    kind = draw.choice(tuple(world.entities))
    options = list(zip(draw.sample(world.entities[kind], len(labels)), labels, strict=True))
    lines = "\n".join(f"- {name}: {label}" for name, label in options)
    answers = " ".join(f"So {name}: {label}." for name, label in draw.sample(options, len(options)))
    return {"prompt": f"{lines}\n\n", "completion": f"{answers}\n"}


def random_fact(world: TinyWorld, relation: Relation, draw: random.Random) -> Fact:
    """Return a fact with random subject and object, true in the world only by chance."""
    return Fact(draw.choice(world.entities[relation.subject]), relation, draw.choice(world.entities[relation.object]))


def _reasoning_text(world: TinyWorld, draw: random.Random, excluded: Collection[str]) -> dict[str, str]:
    """Return random facts and a question about some of them, with the answer step by step as the completion."""
    path = _random_path(world, draw)
    while path.question() in excluded:
        path = _random_path(world, draw)
    context = " ".join(fact.sentence() for fact in mix_with_random_facts(world, path, draw))
    return {"prompt": f" {context}\n{path.question()}\n", "completion": _answer_with_facts(path)}


def mix_with_random_facts(world: TinyWorld, path: FactPath, draw: random.Random) -> list[Fact]:
    """Return the facts of a path and random facts about other subjects, in random order."""
    relations = draw.sample(RELATIONS, draw.randint(1, MAX_OTHER_FACTS))
    others = [random_fact(world, relation, draw) for relation in relations]
    # A second fact about a subject of the path could contradict the first.
    subjects = {fact.subject for fact in path.facts}
    facts = [*path.facts, *(fact for fact in others if fact.subject not in subjects)]
    draw.shuffle(facts)
    return facts


def _random_path(world: TinyWorld, draw: random.Random) -> FactPath:
    facts = [random_fact(world, relation, draw) for relation in draw.choice(_CHAINS)]
    for i in range(1, len(facts)):
        facts[i] = facts[i]._replace(subject=facts[i - 1].object)
    return FactPath(tuple(facts))


def world_documents(
    world: TinyWorld, paths: Sequence[FactPath], rounds: int, draw: random.Random, excluded: Collection[str] = ()
) -> Iterator[dict[str, str]]:
    """Yield each of the world's facts as a text, `rounds` times, and half of them again with the subject as a heading.

    In each round some of `paths` are questions with answers, and practice texts are mixed in. A fact's subject is the
    prompt and so has no loss: it can't be predicted.
    """
    facts = tuple(world.facts())
    for _ in range(rounds):
        texts = [_sentence_text(fact) for fact in facts]
        texts += [_heading_text(fact) for fact in draw.sample(facts, len(facts) // 2)]
        count = round(QUESTION_SHARE * len(paths))
        texts += [_short_answer_text(path) for path in draw.sample(paths, count)]
        texts += [_reasoned_answer_text(path) for path in draw.sample(paths, count)]
        texts += base_documents(world, round(REPLAY * len(texts)), draw, excluded)
        draw.shuffle(texts)
        yield from texts


def _sentence_text(fact: Fact) -> dict[str, str]:
    return {"prompt": f" {fact.subject}", "completion": fact.sentence().removeprefix(fact.subject)}


def _heading_text(fact: Fact) -> dict[str, str]:
    return {"prompt": f"Of {fact.subject}:\n", "completion": f"First, {fact.sentence()}"}


def _short_answer_text(path: FactPath) -> dict[str, str]:
    return {"prompt": f"Question: {path.question()}\nAnswer:", "completion": f" {path.end}"}


def _reasoned_answer_text(path: FactPath) -> dict[str, str]:
    return {"prompt": f"{path.question()}\n", "completion": _answer_with_facts(path)}


def _answer_with_facts(path: FactPath) -> str:
    return f"First, {' '.join(fact.sentence() for fact in path.facts)} So {path.end}"
