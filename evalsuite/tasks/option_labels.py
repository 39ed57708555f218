"""How other programs label options by their place, and how their keys name one: letters, numbers, numerals, texts.

A single key is ambiguous: "1" may be the first option or the second. All keys of a file together are not, since most of
them name the gold option of the item that they belong to.
"""

from __future__ import annotations

import re
import string
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Final

from evalsuite.tasks.item import Item

_UNITS: Final = ("I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX", "X")
_ROMAN: Final = (*_UNITS, *(f"X{unit}" for unit in _UNITS))
_MARKS: Final = " \t\r\n().:*[]"
_WHOLE_NUMBER: Final = re.compile(r"(\d+)\.0+")
"""A number that passed through a table of floats: 2.0."""


@cache
def labels_by_place(count: int) -> Mapping[str, tuple[str, ...]]:
    """Return the usual ways to label `count` options, {name: labels}; a way that has too few labels is left out."""
    ways: dict[str, Sequence[str]] = {
        "letters": string.ascii_uppercase,
        "lower-case letters": string.ascii_lowercase,
        "numbers from 1": [str(number) for number in range(1, count + 1)],
        "numbers from 0": [str(number) for number in range(count)],
        "roman numerals": _ROMAN,
        "lower-case roman numerals": [numeral.lower() for numeral in _ROMAN],
    }
    return {name: tuple(labels[:count]) for name, labels in ways.items() if len(labels) >= count}


@dataclass(frozen=True, slots=True)
class KeyReading:
    """One way in which keys name options."""

    name: str
    names_of: Callable[[Item], Sequence[str]]
    """The names of an item's options, by place."""

    def label_of(self, key: str, item: Item) -> str | None:
        """Return the label of the option that a key names; None: it names none.

        Of several options with the same text it is the gold one, if that is among them.
        """
        names = self.names_of(item)
        if len(names) != len(item.labels):
            return None
        places = [place for place, name in enumerate(names) if name == key.strip()]
        places = places or [place for place, name in enumerate(names) if _plain(name) == _plain(key)]
        labels = [item.labels[place] for place in places]
        return item.gold if item.gold in labels else next(iter(labels), None)


def learn_key_reading(keys: Iterable[tuple[str, Item]], labels: Sequence[str] | None = None) -> KeyReading:
    """Return the way in which most of these keys name the gold options of their items.

    `labels` are those that a prompt used, by place, if they are known.
    """
    pairs = list(keys)

    def score(reading: KeyReading) -> tuple[int, int]:
        named = [(reading.label_of(key, item), item.gold) for key, item in pairs]
        return sum(label == gold for label, gold in named), sum(label is not None for label, _ in named)

    return max(_readings(labels), key=score)  # the first of equal ones


def _readings(labels: Sequence[str] | None) -> list[KeyReading]:
    """Return the readings, from the one to prefer among equally good ones to the least likely."""
    prompt = [KeyReading("the prompt's labels", lambda item: labels[: len(item.labels)])] if labels else []
    own = [KeyReading("labels", lambda item: item.labels), KeyReading("option texts", lambda item: item.options)]
    return [*prompt, *own, *(KeyReading(name, _by_place(name)) for name in labels_by_place(1) if "lower" not in name)]


def _by_place(name: str) -> Callable[[Item], Sequence[str]]:
    return lambda item: labels_by_place(len(item.labels)).get(name, ())


def _plain(key: str) -> str:
    """Return a key without the marks around it, in one case, and 2.0 as 2."""
    text = key.strip(_MARKS)
    number = _WHOLE_NUMBER.fullmatch(text)
    return number[1] if number else text.casefold()
