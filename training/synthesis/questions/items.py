"""Questions as items of a benchmark, and their proofs as rows for a reader and for a program that checks them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final, NamedTuple

from evalsuite.tasks.item import Item
from training.recipe_sections import Tier
from training.synthesis.questions.draw import Draw
from training.synthesis.questions.question import Question
from training.synthesis.questions.source import QuestionSource
from training.synthesis.questions.tiers import tier

LABELS: Final = "ABCDE"


class SyntheticItem(NamedTuple):
    """An item with the proof that its gold label is right and every other option wrong."""

    item: Item
    tier: Tier
    proof: dict[str, Any]


def make_items(source: QuestionSource, questions: Iterable[Question], seed: int) -> Iterator[SyntheticItem]:
    """Yield an item for each question; every label is gold equally often, up to one, in a random order."""
    draw, labels = Draw(seed, "labels"), list[str]()
    for number, question in enumerate(questions):
        if not labels:
            labels = list(LABELS)
            draw.shuffle(labels)
        yield _item(source, question, f"{question.shape}-{number:06}", labels.pop(), draw)


def _item(source: QuestionSource, question: Question, name: str, gold: str, draw: Draw) -> SyntheticItem:
    others = list(question.distractors)
    draw.shuffle(others)
    nodes = [each.node for each in others]
    nodes.insert(LABELS.index(gold), question.answer)
    level = tier(source, question)
    item = Item(
        id=name,
        question=question.stem,
        options=tuple(source.names.shown(node) for node in nodes),
        labels=tuple(LABELS),
        gold=gold,
        group=source.graph.id(question.subject),
        meta={"shape": question.shape, "tier": level, "hops": str(question.hops)},
    )
    return SyntheticItem(item, level, _proof(source, question, nodes))


def _proof(source: QuestionSource, question: Question, nodes: list[int]) -> dict[str, Any]:
    """Return the rows that prove a question: those it tells, those that lead to the answer, those against each other.

    A row is [subject id, relation, object id, what it says, file and line].
    """
    refuted = {each.node: each for each in question.distractors}
    return {
        "answer": source.graph.id(question.answer),
        "subject": source.graph.id(question.subject),
        "stated": _rows(source, question.stated),
        "hidden": _rows(source, question.hidden),
        "options": {
            label: {
                "id": source.graph.id(node),
                **({} if node == question.answer else {"refuted": refuted[node].kind.value}),
                **({} if node == question.answer else {"rows": _rows(source, refuted[node].edges)}),
            }
            for label, node in zip(LABELS, nodes, strict=True)
        },
        "closeness": round(question.closeness, 4),
    }


def _rows(source: QuestionSource, edges: Iterable[int]) -> list[list[str]]:
    return [_row(source, edge) for edge in edges]


def _row(source: QuestionSource, number: int) -> list[str]:
    known = source.rows.get(number)
    if known is None:
        known = source.rows[number] = source.graph.row(number)
    return known
