"""Which of the names that a model of named entities proposes are names of people or places.

A general model takes half of clinical language for people: it is never trusted alone. What it proposes is admitted only
if lists of names or the sentence around it agree, and the allow list doesn't object.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final, Literal, NamedTuple

from training.synthesis.refine.deidentify.allow_list import is_allowed, names_something_clinical, plain
from training.synthesis.refine.deidentify.kinds import Identifier, Kind
from training.synthesis.refine.deidentify.lexicon import Lexicon
from training.synthesis.refine.deidentify.words import INITIAL, PARTICLE, UPPER, WORD


class Proposal(NamedTuple):
    """What a model takes for a person, a place or an account number."""

    start: int
    end: int
    entity: Literal["PERSON", "LOCATION", "CREDIT_CARD", "IBAN_CODE"]


_SEQUENCE: Final = re.compile(
    rf"(?<![\w'’.-])(?:{INITIAL}[ ]?)?{WORD}(?:[ ](?:{PARTICLE}[ ])?(?:{INITIAL}[ ]?)?{WORD}){{0,3}}"
    rf"(?:[ ][{UPPER}]\.)?(?!\w)"
)
_ACTS: Final = re.compile(
    r"(?:['’]s)?(?:,\s(?:an?\s)?(?:\d{1,3}(?:,|\.|[- ]?(?:y|m|w|d)[\w/-]{0,7}[ -]?(?:old|/o|,)"
    r"|\s?[MF]\b)|age)|\s\((?:\d{1,3}\s?(?:[MF/y)])|age|aged|DOB|born)|\s(?:is"
    r"|was)\s(?:an?\s)?\d{1,3}[- ]|\s\d{1,3}\s?[MF]\b|"
    r"\s(?:presents|presented|reports|reported|denies|denied|states|stated|complains|complained|underwent|returns|returned|"
    r"tolerated|failed\sto|remains|refused|left|came|comes|went|died|arrived|called|attends|attended|is\shere|is\sin|tells|told|feels|felt|lives|works|moved|drives|consented|called|said|says|asks|"
    r"(?:is|was|has\sbeen)\s(?:seen|admitted|discharged|diagnosed|transferred|referred|brought|born|reviewed|examined|evaluated|"
    r"started|treated|scheduled|found|notified|keen|concerned|a\s(?:pleasant|retired|former)))\b)"
)
_CLINICAL_ENDING: Final = re.compile(
    r"(?:emia|aemia|itis|osis|[ae]sis|oma|ase|ose|ible|ant|ing|tion|ity|ism|pathy|mycin|cillin|cillins|floxacin|azole|statin|ular|"
    r"ic|ous|oid|virus|viridae|xia|uria|algia|ory|penia|philia|plasty|ectomy|scopy|graphy|gram|aceae|olar|ine|idine|amine)$"
)
"""Endings of clinical words; a word with one is no name on the model's word alone."""
_AND_NAME: Final = re.compile(rf"[ ](?:and|&)[ ](?P<value>{WORD})")
_BEFORE_PLACE: Final = re.compile(
    r"\b(?:in|from|to|near|at|outside|around|via|visiting|visited|of)\s(?:the\s)?$", re.IGNORECASE
)
_SHORTEST_ALONE: Final = 4


def admitted(text: str, proposals: Iterable[Proposal], lexicon: Lexicon) -> Iterator[Identifier]:
    """Yield what the proposals, the lists of names and the sentence together tell."""
    people = []
    for each in proposals:
        if each.entity == "PERSON":
            people.append(each)
        elif each.entity == "LOCATION":
            yield from _place(text, each, lexicon)
        else:
            yield Identifier(each.start, each.end, Kind.ACCOUNT, "checksum")
    for match in _SEQUENCE.finditer(text):
        proposed = any(each.start < match.end() and match.start() < each.end for each in people)
        yield from _person(text, match, proposed, lexicon)


def _person(text: str, match: re.Match[str], proposed: bool, lexicon: Lexicon) -> Iterator[Identifier]:
    words = [word for word in re.finditer(r"[^\s]+", match[0]) if plain(word[0]) not in {"the", "a"}]
    # "Yesterday Harold Pinkerton" and "Comparison Harold": words that are no names are cut off at the front.
    while len(words) > 1 and plain(words[0][0]) not in lexicon.given and not _is_initial(words[0][0]):
        if not is_allowed(words[0][0]):
            break
        words.pop(0)
    full = [word for word in words if not _is_initial(word[0])]
    if not full:
        return
    start, end = match.start() + words[0].start(), match.start() + words[-1].end()
    found = Identifier(start, end, Kind.NAME, "model" if proposed else "name-lists")
    name = plain(match[0])
    if name in lexicon.regions or name in lexicon.cities or names_something_clinical(text, found):
        return
    if _weight(text, found, [plain(word[0]) for word in full], proposed, lexicon) >= _NEEDED:
        yield found


_NEEDED: Final = 3


def _weight(text: str, found: Identifier, words: list[str], proposed: bool, lexicon: Lexicon) -> int:
    """Return how much speaks for a person: the lists of names, the model, the sentence."""
    given, last = words[0] in lexicon.given, words[-1] in lexicon.surnames
    acts = _ACTS.match(text, found.end) is not None
    blocked = [is_allowed(word) for word in words]
    if len(words) == 1:
        if blocked[0] or len(words[0]) < _SHORTEST_ALONE:
            return 0
        return int(given) + int(proposed) + 2 * int(acts and (given or last or proposed)) + int(given and proposed)
    if all(blocked) or (blocked[0] and not given):
        return 0
    plausible = not blocked[-1] and _CLINICAL_ENDING.search(words[-1]) is None and len(words[-1]) >= _SHORTEST_ALONE
    unlisted = proposed and not (given or last or any(blocked) or any(map(_CLINICAL_ENDING.search, words)))
    return (
        (2 + int(plausible)) * int(given and not blocked[0])
        + int(last)
        + int(proposed)
        + 2 * int(acts and not any(blocked))
        + 2 * int(unlisted)
    )


def _place(text: str, proposal: Proposal, lexicon: Lexicon) -> Iterator[Identifier]:
    """Yield a place that stands behind a preposition and is neither a state, a country nor a clinical word."""
    name = text[proposal.start : proposal.end]
    found = Identifier(proposal.start, proposal.end, Kind.PLACE, "model")
    if not re.fullmatch(rf"{WORD}(?:\s{WORD}){{0,2}}", name) or plain(name) in lexicon.regions:
        return
    if any(map(is_allowed, name.split())) or names_something_clinical(text, found):
        return
    if plain(name) in lexicon.cities and _BEFORE_PLACE.search(text, max(0, found.start - 16), found.start):
        yield found


def joined(text: str, names: Iterable[Identifier], lexicon: Lexicon) -> Iterator[Identifier]:
    """Yield given names that "and" joins to a name that was found."""
    for each in names:
        match = _AND_NAME.match(text, each.end)
        if match is not None and plain(match["value"]) in lexicon.given and not is_allowed(match["value"]):
            yield Identifier(*match.span("value"), Kind.NAME, "joined")


def _is_initial(word: str) -> bool:
    return len(word.rstrip(".")) == 1


def repeated(text: str, names: Iterable[Identifier]) -> Iterator[Identifier]:
    """Yield further mentions of people whose names were found: by surname alone, by given name alone."""
    parts = {
        word.rstrip(".,")
        for each in names
        for word in re.split(r"[\s,]+", text[each.start : each.end])
        if len(word.rstrip(".,")) >= _SHORTEST_ALONE - 1 and word[:1].isupper()
    }
    if not parts:
        return
    either = "|".join(map(re.escape, sorted(parts, key=len, reverse=True)))
    for match in re.finditer(rf"(?<![\w-])(?:{either})(?![\w-])", text):
        found = Identifier(match.start(), match.end(), Kind.NAME, "repeated")
        if is_allowed(match[0]) and _ACTS.match(text, found.end) is None:
            continue  # Ms. Graves has Graves disease
        if not names_something_clinical(text, found):
            yield found
