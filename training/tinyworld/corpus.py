"""Texts: reading practice that tells nothing of the world (base), and the world's facts in prose (corpus)."""

from __future__ import annotations

import random
from collections.abc import Collection, Iterator, Sequence
from typing import Final

from training.tinyworld.graph import RELATIONS, Fact, Relation, TinyWorld
from training.tinyworld.items import FEWEST, LABELS
from training.tinyworld.paths import FactPath, chains

ASKED: Final = 0.4
"""Share of the paths that may be asked which is asked in a round, in each of two forms."""
REPLAY: Final = 0.15
"""Texts of the base stage for each text of the corpus: without them the model forgets how to read."""
OTHERS: Final = 5
"""Facts at most that a question of the base stage isn't about."""
_CHAINS: Final = tuple(chains())


def base_documents(
    world: TinyWorld, count: int, draw: random.Random, barred: Collection[str] = ()
) -> Iterator[dict[str, str]]:
    """Yield prompts with completions: in turn, options to choose from and made-up facts to reason over.

    None asks a question of `barred`, whatever facts it would be about.
    """
    for index in range(count):
        labels = LABELS[: draw.randint(FEWEST, len(LABELS))]
        yield _reading(world, draw, barred) if index % 2 else _choosing(world, labels, draw)


def _choosing(world: TinyWorld, labels: Sequence[str], draw: random.Random) -> dict[str, str]:
    """Options of one kind; the completion names them in another order, with their labels."""
    kind = draw.choice(tuple(world.entities))
    options = list(zip(draw.sample(world.entities[kind], len(labels)), labels, strict=True))
    lines = "\n".join(f"- {name}: {label}" for name, label in options)
    answers = " ".join(f"So {name}: {label}." for name, label in draw.sample(options, len(options)))
    return {"prompt": f"{lines}\n\n", "completion": f"{answers}\n"}


def made_up(world: TinyWorld, relation: Relation, draw: random.Random) -> Fact:
    """Draw both ends of a fact: it is true of the world by chance alone."""
    return Fact(draw.choice(world.entities[relation.subject]), relation, draw.choice(world.entities[relation.object]))


def _reading(world: TinyWorld, draw: random.Random, barred: Collection[str]) -> dict[str, str]:
    """Facts that are drawn anew for each text, a question over some of them, and its answer step by step."""
    path = _made_up_path(world, draw)
    while path.question() in barred:
        path = _made_up_path(world, draw)
    shown = " ".join(fact.state() for fact in among_others(world, path, draw))
    return {"prompt": f" {shown}\n{path.question()}\n", "completion": _told(path)}


def among_others(world: TinyWorld, path: FactPath, draw: random.Random) -> list[Fact]:
    """Put the facts of a path in random order with made-up ones about other subjects."""
    told = path.facts
    others = [made_up(world, relation, draw) for relation in draw.sample(RELATIONS, draw.randint(1, OTHERS))]
    facts = [*told] + [f for f in others if f.subject not in {t.subject for t in told}]
    draw.shuffle(facts)
    return facts


def _made_up_path(world: TinyWorld, draw: random.Random) -> FactPath:
    told = [made_up(world, relation, draw) for relation in draw.choice(_CHAINS)]
    for i in range(1, len(told)):
        told[i] = told[i]._replace(subject=told[i - 1].object)
    return FactPath(tuple(told))


def world_documents(
    world: TinyWorld, asked: Sequence[FactPath], rounds: int, draw: random.Random, barred: Collection[str] = ()
) -> Iterator[dict[str, str]]:
    """Yield the world's facts one by one, `rounds` times; every other one again under its subject's name.

    Now and then one of the paths `asked` is a question, and a practice text is among them. Of a sentence's first name
    nothing is learnt: nothing foretells it.
    """
    facts = tuple(world.facts())
    for _ in range(rounds):
        texts = [_stated(fact) for fact in facts] + [_told_of(fact) for fact in draw.sample(facts, len(facts) // 2)]
        texts += [_asked(path) for path in draw.sample(asked, round(ASKED * len(asked)))]
        texts += [_answered(path) for path in draw.sample(asked, round(ASKED * len(asked)))]
        texts += base_documents(world, round(REPLAY * len(texts)), draw, barred)
        draw.shuffle(texts)
        yield from texts


def _stated(fact: Fact) -> dict[str, str]:
    return {"prompt": f" {fact.subject}", "completion": fact.state().removeprefix(fact.subject)}


def _told_of(fact: Fact) -> dict[str, str]:
    return {"prompt": f"Of {fact.subject}:\n", "completion": f"First, {fact.state()}"}


def _asked(path: FactPath) -> dict[str, str]:
    return {"prompt": f"Question: {path.question()}\nAnswer:", "completion": f" {path.end}"}


def _answered(path: FactPath) -> dict[str, str]:
    return {"prompt": f"{path.question()}\n", "completion": _told(path)}


def _told(path: FactPath) -> str:
    return f"First, {' '.join(fact.state() for fact in path.facts)} So {path.end}"
