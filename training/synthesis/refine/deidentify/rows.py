"""De-identifies rows of JSON: which texts a row holds, what a mask may not touch, and what is reported."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any, Final, NamedTuple

from training.synthesis.refine.deidentify.deidentify import Deidentified, Mask, Model, deidentify_records
from training.synthesis.refine.deidentify.kinds import Kind
from training.synthesis.refine.deidentify.lexicon import NO_NAMES, Lexicon

_NUMBER: Final = re.compile(r"\d+(?:\.\d+)?")
Place = tuple[str | int, ...]
"""Where a text stands in a row: the field, then keys and indices."""


class RowError(ValueError):
    """A row that can't be de-identified; the message completes the sentence "line 3 ..."."""


class CleanRow(NamedTuple):
    """A row without identifiers, its masks with the place of their text, and whether one of them touches an option."""

    row: dict[str, Any]
    masks: list[tuple[Place, Mask]]
    touches_option: bool


def texts_of(row: Any, fields: Sequence[str]) -> list[tuple[Place, str]]:
    """Return the texts in some fields of a row, also within lists and objects. Raises `RowError`.

    A number in such a field is an error: it may be somebody's, and is no text in which a rule could find it.
    """
    if not isinstance(row, dict):
        raise RowError("is no JSON object")
    found: list[tuple[Place, str]] = []
    for field in fields:
        if field not in row:
            raise RowError(f"has no field {field} (`field`, `options`)")
        found += _texts(row[field], (field,))
    return found


def _texts(value: Any, place: Place) -> Iterator[tuple[Place, str]]:
    if isinstance(value, str):
        yield place, value
    elif isinstance(value, dict):
        for key, each in value.items():
            yield from _texts(each, (*place, key))
    elif isinstance(value, list):
        for index, each in enumerate(value):
            yield from _texts(each, (*place, index))
    elif isinstance(value, int | float) and not isinstance(value, bool):
        raise RowError(f"has a number in the field {place[0]}, where text is needed")


def clean_rows(
    rows: Sequence[dict[str, Any]],
    fields: Sequence[str],
    options: str | None,
    lexicon: Lexicon = NO_NAMES,
    model: Model | None = None,
) -> list[CleanRow]:
    """Return rows without the identifiers in some fields; the rows themselves are not changed."""
    places = [texts_of(row, fields) for row in rows]
    records = deidentify_records([[text for _, text in each] for each in places], lexicon, model)
    return [_clean(row, each, texts, options) for row, each, texts in zip(rows, places, records, strict=True)]


def _clean(
    row: dict[str, Any], places: Sequence[tuple[Place, str]], texts: Sequence[Deidentified], options: str | None
) -> CleanRow:
    new = dict(row)
    masks: list[tuple[Place, Mask]] = []
    touched = False
    shown = [] if options is None else [text for _, text in texts_of(row, [options])]
    for (place, original), result in zip(places, texts, strict=True):
        _put(new, place, result.text)
        for mask in result.masks:
            masks.append((place, mask))
            touched = touched or _touches(original[mask.identifier.start : mask.identifier.end], mask, shown)
    return CleanRow(new, masks, touched)


def _put(row: dict[str, Any], place: Place, text: str) -> None:
    """Set a text of a row, copying what it stands in, so that the original is not changed."""
    holder: Any = row
    for key, below in pairwise(place):
        copied = dict(holder[key]) if isinstance(below, str) else list(holder[key])
        holder[key] = copied
        holder = copied
    holder[place[-1]] = text


def _touches(value: str, mask: Mask, options: Sequence[str]) -> bool:
    """Return whether an option holds what was masked, or a number of it: without it the answer may be another."""
    numbers = set(_NUMBER.findall(value)) if mask.identifier.kind in (Kind.AGE, Kind.DATE) else set()
    word = re.compile(rf"(?<!\w){re.escape(value)}(?!\w)", re.IGNORECASE)
    return any(word.search(option) or numbers & set(_NUMBER.findall(option)) for option in options)
