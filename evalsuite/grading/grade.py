"""From an item and a response to a grade: the strict and the lenient parse compared with the gold label."""

from __future__ import annotations

from typing import NamedTuple

from evalsuite.models.backend import PromptSetup
from evalsuite.parser import cut_at_stop, parse
from evalsuite.parser.result import EMPTY, REASONING_ONLY, unanswered
from evalsuite.run_folder import ResponseRecord
from evalsuite.tasks.item import Item
from evalsuite.tasks.rotation import original_label, rotated

Span = tuple[int, int]


class GradedParse(NamedTuple):
    """The grade of a response in one parse mode."""

    label: str | None
    """One of the item's labels, before any rotation."""
    status: str
    correct: bool
    span: Span | None


class Grade(NamedTuple):
    """The grade of one sample of one item."""

    item: str
    sample: int
    gold: str
    strict: GradedParse
    lenient: GradedParse
    form: str | None
    """The documented form that the lenient parse matched."""
    rotation: int = 0
    """By how many places the options were rotated; see `tasks.rotation`."""


def grade(item: Item, record: ResponseRecord, setup: PromptSetup) -> Grade:
    """Grade a response according to its prompt: the order of the options, format, labels and stop strings."""
    shown = rotated(item, record.rotation)
    labels = shown.labels if setup.labels is None else setup.labels[: len(item.labels)]
    text = cut_at_stop(record.text, setup.stop, record.opens_reasoning) if setup.stop else record.text
    # A text that was cut at a stop string ended there, even if the model went on to the token limit.
    finish = record.finish if len(text) == len(record.text) else "stop"
    result = parse(text, labels, shown.options, setup.format, finish, record.opens_reasoning)
    if result.strict.status == EMPTY and record.reasoning.strip():
        result = unanswered(REASONING_ONLY)

    def graded(label: str | None, status: str, span: Span | None) -> GradedParse:
        original = None if label is None else original_label(item, labels.index(label), record.rotation)
        return GradedParse(original, status, original == item.gold, span)

    strict, lenient = result.strict, result.lenient
    return Grade(
        item=item.id,
        sample=record.sample,
        gold=item.gold,
        strict=graded(strict.label, strict.status, strict.span),
        lenient=graded(lenient.label, lenient.status, lenient.span),
        form=lenient.form,
        rotation=record.rotation,
    )
