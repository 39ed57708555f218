"""Replaces what identifies a person in a text: rules, and names that a model proposes and the rules admit."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple, Protocol

from training.synthesis.refine.deidentify.contacts import find_contacts
from training.synthesis.refine.deidentify.dates import find_ages, find_dates
from training.synthesis.refine.deidentify.kinds import Identifier, Kind, without_overlaps
from training.synthesis.refine.deidentify.lexicon import NO_NAMES, Lexicon
from training.synthesis.refine.deidentify.listed_people import find_listed_people
from training.synthesis.refine.deidentify.model_names import Proposal, admitted, joined, repeated
from training.synthesis.refine.deidentify.numbers import find_numbers
from training.synthesis.refine.deidentify.people import find_people
from training.synthesis.refine.deidentify.places import find_places
from training.synthesis.refine.deidentify.plain_text import PlainText, parts

RULES_VERSION: Final = 1
LONGEST_PART: Final = 4000
"""Characters that rules read at once, so that no text takes them longer than in proportion to its length."""
OLD: Final = "90 or older"
_YEAR: Final = re.compile(r"(?<!\d)(?:19|20)\d\d(?!\d)")
_BIRTH: Final = re.compile(r"(?:\b(?:DOB|D\.O\.B\.?|born|birth(?:day|date)?)\b[^.;\n]{0,12})$", re.IGNORECASE)


class Model(Protocol):
    """What proposes names in texts."""

    def propose(self, texts: Sequence[str]) -> list[list[Proposal]]:
        """Return the proposals of each text."""
        ...


class Mask(NamedTuple):
    """An identifier of the original text, and its replacement with the place in the new text."""

    identifier: Identifier
    replacement: str
    start: int
    end: int


class Deidentified(NamedTuple):
    """A text without its identifiers, and what was replaced."""

    text: str
    masks: list[Mask]


def find_identifiers(text: str, lexicon: Lexicon, proposals: Sequence[Proposal] = ()) -> list[Identifier]:
    """Return the identifiers of a text in order of place; no two overlap. A long text is read in parts."""
    return [
        each._replace(start=each.start + offset, end=each.end + offset)
        for offset, part in parts(text, LONGEST_PART)
        for each in _find(part, lexicon, [one for one in map(_moved(-offset), proposals) if _inside(one, part)])
    ]


def _moved(by: int) -> Callable[[Proposal], Proposal]:
    return lambda each: each._replace(start=each.start + by, end=each.end + by)


def _inside(proposal: Proposal, part: str) -> bool:
    return proposal.start >= 0 and proposal.end <= len(part)


def _find(text: str, lexicon: Lexicon, proposals: Sequence[Proposal]) -> list[Identifier]:
    exact = [*find_numbers(text), *find_contacts(text), *find_dates(text), *find_ages(text)]
    places = list(find_places(text, lexicon))
    people = [*find_people(text), *find_listed_people(text, lexicon), *admitted(text, proposals, lexicon)]
    names = [each for each in people if each.kind is Kind.NAME]
    people += [*repeated(text, names), *joined(text, names, lexicon)]
    # The order decides between equals: a number behind its label is no date, and a facility no person.
    return without_overlaps([*exact, *places, *people])


def deidentify(texts: Sequence[str], lexicon: Lexicon = NO_NAMES, model: Model | None = None) -> list[Deidentified]:
    """Return the texts of one record without their identifiers; see `deidentify_records`."""
    return deidentify_records([texts], lexicon, model)[0]


def deidentify_records(
    records: Sequence[Sequence[str]], lexicon: Lexicon = NO_NAMES, model: Model | None = None
) -> list[list[Deidentified]]:
    """Return the texts of each record without their identifiers.

    Equal names, places and numbers of a record get equal placeholders, `[NAME-1]`; a date is reduced to its year where
    it states one, except a date of birth, and an age of 90 or more becomes "90 or older".
    """
    plain = [[PlainText(text) for text in record] for record in records]
    every = [each.text for record in plain for each in record]
    proposals = iter(model.propose(every) if model is not None else [[] for _ in every])
    results = []
    for record, plain_record in zip(records, plain, strict=True):
        placeholders = Placeholders()
        replaced = []
        for text, each in zip(record, plain_record, strict=True):
            found = find_identifiers(each.text, lexicon, next(proposals))
            replaced.append(_replaced(text, [each.back(one) for one in found], placeholders))
        results.append(replaced)
    return results


def _replaced(text: str, identifiers: Sequence[Identifier], placeholders: Placeholders) -> Deidentified:
    pieces: list[str] = []
    masks: list[Mask] = []
    last = length = 0
    for each in identifiers:
        replacement = placeholders.of(text, each)
        pieces += [text[last : each.start], replacement]
        length += each.start - last
        masks.append(Mask(each, replacement, length, length + len(replacement)))
        length += len(replacement)
        last = each.end
    return Deidentified("".join(pieces) + text[last:], masks)


class Placeholders:
    """Gives equal identifiers of one record equal placeholders."""

    def __init__(self) -> None:
        self._numbers: dict[Kind, dict[str, int]] = {}
        self._people: list[set[str]] = []

    def of(self, text: str, identifier: Identifier) -> str:
        """Return what replaces an identifier."""
        value = text[identifier.start : identifier.end]
        if identifier.kind is Kind.AGE:
            return OLD
        if identifier.kind is Kind.DATE:
            year = _YEAR.search(value)
            if year is not None and _BIRTH.search(text[: identifier.start]) is None:
                return year[0]
        number = self._person(value) if identifier.kind is Kind.NAME else self._number(identifier.kind, value)
        return f"[{identifier.kind.upper()}-{number}]"

    def _number(self, kind: Kind, value: str) -> int:
        known = self._numbers.setdefault(kind, {})
        return known.setdefault(re.sub(r"\W+", "", value).casefold(), len(known) + 1)

    def _person(self, value: str) -> int:
        """Return the number of a person: "Roe" after "Jane Roe" is the same one, if only one Roe was named."""
        parts = {part.casefold() for part in re.split(r"[\W_]+", value) if part}
        same = [number for number, known in enumerate(self._people, 1) if parts <= known or known <= parts]
        if len(same) == 1:
            self._people[same[0] - 1] |= parts
            return same[0]
        exact = [number for number, known in enumerate(self._people, 1) if parts == known]
        if exact:
            return exact[0]
        self._people.append(parts)
        return len(self._people)
