"""Replaces what would lead to a person in published texts: e-mail addresses, telephone numbers, numbers of persons.

Literature is no clinical record. Authors are named on purpose, and a name recogniser takes drugs, eponyms and devices
for people, so names, places and dates stay; so do trial registrations, catalogue and lot numbers. A telephone number
needs a form that no row of a table has.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

from training.synthesis.refine.deidentify.contacts import find_contacts
from training.synthesis.refine.deidentify.kinds import Identifier, Kind, without_overlaps
from training.synthesis.refine.deidentify.numbers import find_numbers

RULES_VERSION: Final = 1
_CONTACTS: Final = frozenset({Kind.EMAIL, Kind.PHONE, Kind.FAX})
_NUMBERS: Final = frozenset({Kind.SSN, Kind.MRN, Kind.INSURANCE})
_FEWEST_DIGITS: Final = 9
"""Digits of a telephone number with a country code."""
_LONGEST_PART: Final = 4_000
"""Characters that rules read at once, so that no text takes them longer than in proportion to its length."""


class Replaced(NamedTuple):
    """A text, and the kinds of what was replaced in it, one for each place."""

    text: str
    kinds: tuple[str, ...]


def replace_personal(text: str) -> Replaced:
    """Return a text with `[EMAIL]`, `[PHONE]` and so on in the place of what would lead to a person."""
    found = [each for part in _parts(text) for each in part]
    pieces, last = [], 0
    for each in found:
        pieces += [text[last : each.start], f"[{each.kind.upper()}]"]
        last = each.end
    return Replaced("".join(pieces) + text[last:], tuple(str(each.kind) for each in found))


def _parts(text: str) -> Iterator[list[Identifier]]:
    """Yield what is found in each part of a text; parts end at line feeds or spaces."""
    start = 0
    while start < len(text):
        end = min(start + _LONGEST_PART, len(text))
        if end < len(text):
            cut = max(text.rfind("\n", start, end), text.rfind(". ", start, end))
            end = cut + 1 if cut > start else end
        part = text[start:end]
        yield [each._replace(start=each.start + start, end=each.end + start) for each in _found(part)]
        start = end


def _found(part: str) -> list[Identifier]:
    if not any(map(str.isdigit, part)) and "@" not in part:
        return []
    contacts = [each for each in find_contacts(part) if each.kind in _CONTACTS and _is_contact(part, each)]
    numbers = [each for each in find_numbers(part) if each.kind in _NUMBERS]
    return without_overlaps([*numbers, *contacts])


def _is_contact(part: str, found: Identifier) -> bool:
    """Return whether what looks like a telephone number can't be a row of figures."""
    if found.rule != "phone-form":
        return True
    value = part[found.start : found.end]
    digits = sum(map(str.isdigit, value))
    return (value[0] == "+" and digits >= _FEWEST_DIGITS) or "(" in value or value.count("-") >= 2
