"""Names that a title, a label, a relation or the form of a letter tells, or lists of names with a looser form."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from training.synthesis.refine.deidentify.allow_list import is_allowed, names_something_clinical, noun_follows, plain
from training.synthesis.refine.deidentify.kinds import Identifier, Kind
from training.synthesis.refine.deidentify.words import (
    FULL_NAME,
    INITIAL,
    LOUD_NAME,
    LOWER,
    PARTICLE,
    UPPER,
    WORD,
    word_list,
)

TITLE: Final = rf"\b(?:{'|'.join(sorted(word_list('titles'), key=len, reverse=True))})\b\.?"
_TITLED: Final = re.compile(
    rf"{TITLE}(?:\s(?:and|&)\s(?:Mrs|Ms|Mr|Dr)\b\.?)?\s(?P<value>(?:{PARTICLE}[ ])?{FULL_NAME}"
    rf"|{LOUD_NAME}(?:[ ]{LOUD_NAME})?)"
)
LOUD_OR_FULL: Final = (
    rf"(?:{LOUD_NAME}|{WORD})(?:\s{LOUD_NAME})?,\s?(?:{LOUD_NAME}|{WORD})(?:\s(?:{INITIAL}|[{UPPER}]\b\.?"
    rf"|{WORD}))?|{FULL_NAME}|{LOUD_NAME}(?:\s{LOUD_NAME}){{1,2}}"
)
_LABELS: Final = (
    r"patient(?:'s)?[ ]name|pt[ ]name|full[ ]name|attending(?:[ ]physician)?|resident|surgeon|assistant|"
    r"an(?:a)?esthesi(?:a|ologist|st)|physician|provider|ordering(?:[ ]provider|[ ]physician|[ ]clinician)?"
    r"|referring(?:[ ]provider|[ ]physician)?|"
    r"consultant|next[ ]of[ ]kin|nok|emergency[ ]contact|guarantor|guardian|informant|subscriber|beneficiary|"
    r"prescriber|pcp|gp|attn|attention|sig|signed|signature|claimant|spouse|"
    r"dictated[ ]by|signed[ ]by|reviewed[ ]by|reported[ ]by|verified[ ]by|interpreter|technician"
    r"|radiologist|pathologist"
)
_LABELLED: Final = re.compile(
    rf"(?<![\w-])(?i:{_LABELS})\s?:\s?(?:[{LOWER}]+,?\s)?(?:{TITLE}\s)?(?P<value>{LOUD_OR_FULL})"
)
_BY: Final = re.compile(
    rf"\b(?i:signed|dictated|reviewed|referred|prepared|posted|authored|written|seen|examined|performed|verified|"
    rf"transcribed|reported|interpreted|admitted|operated|assessed|ordered|typed)(?:\s(?i:electronically))?\s(?i:by)\s?:?\s(?:{TITLE}\s)?(?P<value>{FULL_NAME}(?:\s[{UPPER}]\.)?)"
)
_WITH: Final = re.compile(
    rf"\b(?:[Dd]/w|[Ss]een\sw/|[Dd]iscussed\swith|[Pp]er|[Ss]poke\s(?:to|with)|[Pp]aged|Called|Texted)\s(?:{TITLE}\s)?(?P<value>{FULL_NAME})"
)
_NAMED: Final = re.compile(rf"\b(?:named|(?i:name(?:['’]s|\sis)))\s(?P<value>{FULL_NAME})")
_SIGN_OFF: Final = re.compile(
    rf"(?i:thanks|thank\syou|thx|sincerely|faithfully|regards|wishes|best|love|cheers|hugs|xo+)\b[^\n.?]{{0,24}}?[,!.\s–—-]+\s?(?P<value>{FULL_NAME})\.?\s*(?:,[^\n]{{0,40}})?$",
    re.MULTILINE,
)
_CREDENTIALS: Final = (
    r"(?:M\.?D|D\.?O|R\.?N|N\.?P|PA-C|PA|Ph\.?D|PharmD|DDS|DMD|DPM|DPT|LCSW|MSW|CRNA|CNM|FNP|APRN|LPN|MBBS|MBChB|FRC[SP]|MRC[SP]|"
    r"FACS|FACP|PGY-?\d|MS[34]|Esq)\b"
)
_CREDENTIALED: Final = re.compile(rf"(?P<value>{FULL_NAME}),?[ ]{_CREDENTIALS}")
_INITIALS: Final = re.compile(rf"(?<![\w.])(?P<value>[{UPPER}]\.[ ]?[{UPPER}]\.[ ]?{WORD})")
_WITH_MAIL: Final = re.compile(rf"(?P<value>{FULL_NAME})\s?<[^<>\s]+@")
_NOT_NAMES: Final = word_list("name_ends")


def find_people(text: str) -> Iterator[Identifier]:
    """Yield names of people that their surroundings tell. Titles and degrees are no part of a name."""
    for pattern, rule in (
        (_TITLED, "title"),
        (_LABELLED, "label"),
        (_NAMED, "named"),
        (_INITIALS, "initial"),
    ):
        for match in pattern.finditer(text):
            yield from certain(text, match, rule)
    for pattern, rule in (
        (_CREDENTIALED, "credentials"),
        (_BY, "signed-by"),
        (_WITH, "spoken-with"),
        (_SIGN_OFF, "sign-off"),
        (_WITH_MAIL, "label"),
    ):
        for match in pattern.finditer(text):
            yield from probable(text, match, rule)


def certain(text: str, match: re.Match[str], rule: str) -> Iterator[Identifier]:
    """Yield a name that only a clinical noun right behind it refutes."""
    found = _trimmed(text, *match.span("value"), rule)
    if found is not None and not noun_follows(text, found):
        yield found


def probable(text: str, match: re.Match[str], rule: str) -> Iterator[Identifier]:
    """Yield a name unless each of its words stands in the allow list."""
    found = _trimmed(text, *match.span("value"), rule)
    if found is None or names_something_clinical(text, found):
        return
    words = [word for word in re.split(r"[\s,]+", text[found.start : found.end]) if len(plain(word)) > 1]
    if not all(map(is_allowed, words)):
        yield found


def _trimmed(text: str, start: int, end: int, rule: str) -> Identifier | None:
    """Return the words of a name before the first that is none, or nothing."""
    for word in re.finditer(r"[^\s,]+", text[start:end]):
        if word[0].rstrip(".") in _NOT_NAMES:
            end = start + word.start()
            break
    kept = text[start:end].rstrip(" ,.") if not re.search(r"\b[A-Z]\.$", text[start:end]) else text[start:end]
    return Identifier(start, start + len(kept), Kind.NAME, rule) if kept else None
