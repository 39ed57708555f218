"""The context of an item and the continuations whose log-likelihoods are compared.

There are two forms, which measure different things and never share a column with each other or with generated answers:
`letters` shows the options and compares their labels; `cloze` shows none and compares their texts, which allows for
normalisation by length. Neither has an instruction, since no answer is generated.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from typing import Final, Literal, NamedTuple

from evalsuite.tasks.answer_format import instruction_language
from evalsuite.tasks.item import Item

Form = Literal["letters", "cloze"]
FORMS: Final[tuple[Form, ...]] = ("letters", "cloze")
DELIMITER: Final = " "
"""Text between the context and each continuation; it is part of the continuation."""
_WORDS: Final = {"en": ("Question: ", "Answer:"), "zh": ("问题：", "答案：")}


class Continuations(NamedTuple):
    """The context of an item and its continuations, in the order of its labels, without the delimiter."""

    context: str
    choices: tuple[str, ...]


def continuations(item: Item, form: Form, language: str = "en") -> Continuations:
    """Return the context and continuations of an item; they don't depend on the gold label."""
    context = "\n".join(_lines(item, form, language))
    return Continuations(context, item.labels if form == "letters" else item.options)


def digest(items: Iterable[Item], form: Form, language: str = "en") -> str:
    """Return the SHA-256 over the contexts and continuations of items, in their order."""
    total = hashlib.sha256()
    for item in items:
        presented = continuations(item, form, language)
        total.update("\0".join((presented.context, *presented.choices, "")).encode("utf-8", "surrogatepass"))
    return total.hexdigest()


def _lines(item: Item, form: Form, language: str) -> Iterator[str]:
    question, answer = _WORDS[instruction_language(language)]
    for heading, text in item.context:
        yield f"{heading}: {text}\n"
    yield f"{question}{item.question}"
    # Options that are their own labels (yes, no, maybe) would be listed as "yes. yes".
    if form == "letters" and item.options != item.labels:
        yield from (f"{label}. {text}" for label, text in zip(item.labels, item.options, strict=True))
    yield answer
