"""Item -> what log-likelihoods are compared of: one context, and the continuations that stand for the options.

Two forms, which measure different things and never share a column with each other or with generated answers:
`letters` shows the options and compares their labels; `cloze` shows none and compares their texts, so that it can be
normalised by their length. No instruction stands in either, for nothing is written.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from typing import Final, Literal, NamedTuple

from evalsuite.tasks.item import Item

Form = Literal["letters", "cloze"]
FORMS: Final[tuple[Form, ...]] = ("letters", "cloze")
DELIMITER: Final = " "
"""Stands between the context and each continuation; it belongs to the continuation."""
_WORDS: Final = {"en": ("Question: ", "Answer:"), "zh": ("问题：", "答案：")}


class Continuations(NamedTuple):
    """The context of an item and what may follow it, in the order of its labels, without the delimiter."""

    context: str
    choices: tuple[str, ...]


def continuations(item: Item, form: Form, language: str = "en") -> Continuations:
    """Show an item for log-likelihood scoring; the gold label has no part in it."""
    context = "\n".join(_lines(item, form, language))
    return Continuations(context, item.labels if form == "letters" else item.options)


def digest(items: Iterable[Item], form: Form, language: str = "en") -> str:
    """Identify what is shown and compared of these items: sha256, in their order."""
    whole = hashlib.sha256()
    for item in items:
        shown = continuations(item, form, language)
        whole.update("\0".join((shown.context, *shown.choices, "")).encode("utf-8", "surrogatepass"))
    return whole.hexdigest()


def _lines(item: Item, form: Form, language: str) -> Iterator[str]:
    question, answer = _WORDS[language]
    for heading, text in item.context:
        yield f"{heading}: {text}\n"
    yield f"{question}{item.question}"
    if form == "letters" and item.options != item.labels:
        yield from (f"{label}. {text}" for label, text in zip(item.labels, item.options, strict=True))
    yield answer
