"""Replaces what would lead to a person in published texts: e-mail addresses, telephone numbers, numbers of persons.

Literature is no clinical record. Authors are named on purpose, and a name recogniser takes drugs, eponyms and devices
for people, so names, places and dates stay; so do trial registrations, catalogue and lot numbers. A telephone number
needs a form that no row of a table has.
"""

from __future__ import annotations

import re
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
_MAY_BE: Final = re.compile(r"@|\d[\d ().+-]{5,}\d|\d{3}")
"""What there is in every text that has something to be replaced; the rules read only what stands around it."""
_LABEL: Final = re.compile(
    r"(?<![A-Za-z])(?:MRN|MR#|UHID|URN|rec(?:ord)?|SSN|SS#|security|insurance|ins|policy|member|beneficiary|medicare"
    r"|medicaid|subscriber|MBI|HICN|hospital|hosp|chart|unit|patient|pt)(?![A-Za-z])",
    re.IGNORECASE,
)
_DIGITS: Final = 3
_BEFORE: Final = 40
"""Characters before three digits in which the word must stand that makes them a person's number."""
_AROUND: Final = 80
"""Characters before and behind: more than the labels of numbers take."""


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
    """Yield what is found in each stretch of a text that may have something; stretches begin and end at spaces."""
    start = end = 0
    for match in _MAY_BE.finditer(text):
        if len(match[0]) == _DIGITS and not _LABEL.search(text, max(0, match.start() - _BEFORE), match.start()):
            continue
        if match.start() - _AROUND > end:
            yield from _stretch(text, start, end)
            start = max(end, text.rfind(" ", 0, match.start() - _AROUND) + 1)
        behind = text.find(" ", match.end() + _AROUND)
        end = len(text) if behind < 0 else max(end, behind)
    yield from _stretch(text, start, end)


def _stretch(text: str, start: int, end: int) -> Iterator[list[Identifier]]:
    if start < end:
        found = _found(text[start:end])
        yield [each._replace(start=each.start + start, end=each.end + start) for each in found]


def _found(part: str) -> list[Identifier]:
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
