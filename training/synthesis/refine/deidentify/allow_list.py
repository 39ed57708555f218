"""What stays in clinical text although it looks like a name: eponyms, drugs, what a clinical noun follows."""

from __future__ import annotations

import re
from functools import cache
from typing import Final

from training.synthesis.refine.deidentify.kinds import Identifier
from training.synthesis.refine.deidentify.words import word_list

_NOUN: Final = r"(?:" + "|".join(sorted(word_list("clinical_nouns"), key=len, reverse=True)) + r")"
_EPONYM: Final = re.compile(rf"(?:['’]s?)?[ -](?:[a-zA-Z][\w-]*(?<!ed)[ -]){{0,2}}?{_NOUN}\b", re.IGNORECASE)
_DIRECT: Final = re.compile(rf"(?:['’]s?)?[ -]{_NOUN}\b", re.IGNORECASE)
_STOPS: Final = re.compile(
    r"\b(?:is|was|were|are|has|had|have|and|or|with|for|to|in|at|on|who|underwent|presents|by|as|of|from|the|a|an|her|his|their|my)\b"
)
_NUMERAL: Final = re.compile(r"[ ](?:[IVX]+[A-C]?|[A-D])\b(?!\.)")


@cache
def allowed_words() -> frozenset[str]:
    """Return the words of the allow list, in the form that `plain` gives."""
    return frozenset(map(plain, word_list("allowed")))


def plain(word: str) -> str:
    """Return a word as words are compared: without case, without what is not a letter around it, without a final 's."""
    return re.sub(r"['’]s?$", "", word.casefold().strip('.,;:()[]"“”'))


def is_allowed(word: str) -> bool:
    """Return whether a word, or each part of one with hyphens, stands in the allow list."""
    words = allowed_words()
    form = plain(word)
    return form in words or ("-" in form and all(part in words for part in form.split("-") if part))


def noun_follows(text: str, found: Identifier) -> bool:
    """Return whether a clinical noun is the next word, as in "Wilson disease"."""
    return _DIRECT.match(text, found.end) is not None


def names_something_clinical(text: str, found: Identifier) -> bool:
    """Return whether a clinical noun follows, as in "Ramsay Hunt syndrome" or "Rome IV", so that no person is meant."""
    behind = text[found.end : found.end + 60].split("\n")[0].split(",")[0]
    match = _EPONYM.match(behind)
    if match is not None and _STOPS.search(match[0]) is None:
        return True
    return _NUMERAL.match(behind) is not None
