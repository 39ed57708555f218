"""Item + response -> grade: both readings of the answer contract held against the gold label."""

from __future__ import annotations

from typing import NamedTuple

from evalsuite.models.backend import Asked
from evalsuite.parser import cut_at_stop, parse
from evalsuite.run_folder import Record
from evalsuite.tasks.item import Item
from evalsuite.tasks.rotation import own_label, shifted

Span = tuple[int, int]


class Reading(NamedTuple):
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
    strict: Reading
    lenient: Reading
    form: str | None
    """Which of the documented forms the lenient reading read."""
    shift: int = 0
    """By how many places the options stood moved; see `order`."""


def grade(item: Item, record: Record, asked: Asked) -> Grade:
    """Grade a response by how its prompt asked: order of the options, format, labels and stop strings."""
    shown = shifted(item, record.shift)
    labels = shown.labels if asked.labels is None else asked.labels[: len(item.labels)]
    text = cut_at_stop(record.text, asked.stop, record.opens_reasoning) if asked.stop else record.text
    finish = record.finish if len(text) == len(record.text) else "stop"
    reading = parse(text, labels, shown.options, asked.format, finish, record.opens_reasoning)

    def held(label: str | None, status: str, span: Span | None) -> Reading:
        own = None if label is None else own_label(item, labels.index(label), record.shift)
        return Reading(own, status, own == item.gold, span)

    strict, lenient = reading.strict, reading.lenient
    return Grade(
        item=item.id,
        sample=record.sample,
        gold=item.gold,
        strict=held(strict.label, strict.status, strict.span),
        lenient=held(lenient.label, lenient.status, lenient.span),
        form=lenient.form,
        shift=record.shift,
    )
