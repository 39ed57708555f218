"""Item + response -> grade: both readings of the answer contract held against the gold label."""

from __future__ import annotations

from typing import NamedTuple

from evalsuite.models.backend import PromptSetup
from evalsuite.parser import cut_at_stop, parse
from evalsuite.run_folder import ResponseRecord
from evalsuite.tasks.item import Item
from evalsuite.tasks.rotation import original_label, rotated

Span = tuple[int, int]


class GradedParse(NamedTuple):
    """What one reading made of a response."""

    label: str | None
    """In the item's own labels."""
    status: str
    correct: bool
    span: Span | None


class Grade(NamedTuple):
    """The verdict on one sample of one item."""

    item: str
    sample: int
    gold: str
    strict: GradedParse
    lenient: GradedParse
    form: str | None
    """Which of the documented forms the lenient parse read."""
    rotation: int = 0
    """By how many places the options stood moved; see `order`."""


def grade(item: Item, record: ResponseRecord, setup: PromptSetup) -> Grade:
    """Grade a response by how its prompt asked: order of the options, format, labels and stop strings."""
    shown = rotated(item, record.rotation)
    labels = shown.labels if setup.labels is None else setup.labels[: len(item.labels)]
    text = cut_at_stop(record.text, setup.stop, record.opens_reasoning) if setup.stop else record.text
    finish = record.finish if len(text) == len(record.text) else "stop"
    reading = parse(text, labels, shown.options, setup.format, finish, record.opens_reasoning)

    def held(label: str | None, status: str, span: Span | None) -> GradedParse:
        own = None if label is None else original_label(item, labels.index(label), record.rotation)
        return GradedParse(own, status, own == item.gold, span)

    strict, lenient = reading.strict, reading.lenient
    return Grade(
        item=item.id,
        sample=record.sample,
        gold=item.gold,
        strict=held(strict.label, strict.status, strict.span),
        lenient=held(lenient.label, lenient.status, lenient.span),
        form=lenient.form,
        rotation=record.rotation,
    )
