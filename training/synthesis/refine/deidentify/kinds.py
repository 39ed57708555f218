"""What identifies a person in a text: the kinds of 45 CFR 164.514(b)(2), HIPAA's Safe Harbor, that a text can hold."""

from __future__ import annotations

from bisect import bisect
from collections.abc import Iterable
from enum import StrEnum
from typing import NamedTuple


class Kind(StrEnum):
    """One kind of identifier."""

    NAME = "name"
    PLACE = "place"
    """A geographic subdivision smaller than a state: street address, city, county, postal code."""
    FACILITY = "facility"
    """A hospital, practice, nursing home, school or employer."""
    DATE = "date"
    """More exact than a year."""
    AGE = "age"
    """Above 89 years."""
    PHONE = "phone"
    FAX = "fax"
    EMAIL = "email"
    SSN = "ssn"
    MRN = "mrn"
    INSURANCE = "insurance"
    ACCOUNT = "account"
    LICENCE = "licence"
    VEHICLE = "vehicle"
    DEVICE = "device"
    URL = "url"
    IP = "ip"
    ID = "id"
    """Any other number that is one person's: an accession, a passport, a national health number."""


class Identifier(NamedTuple):
    """Where an identifier stands in a text (characters `start` to `end`), its kind, and the rule that found it."""

    start: int
    end: int
    kind: Kind
    rule: str


def without_overlaps(found: Iterable[Identifier]) -> list[Identifier]:
    """Return identifiers in order of place; of two that overlap the longer remains, and of equals the first found."""
    kept: list[Identifier] = []
    for each in sorted(found, key=lambda one: one.start - one.end):
        place = bisect(kept, each.start, key=lambda one: one.start)
        free = (place == 0 or kept[place - 1].end <= each.start) and (
            place == len(kept) or each.end <= kept[place].start
        )
        if each.start < each.end and free:
            kept.insert(place, each)
    return kept
