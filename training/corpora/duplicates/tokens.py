"""The tokens by which texts are compared: words, numbers and the signs that change what a number says.

Unlike the words by which benchmark items are found (`evalsuite.data.overlap.word_hashes`), nothing that carries a dose
is lost: "10 mg" and "20 mg", "<5" and ">5", "1.5" and "15", "10⁹" and "109", "5½" and "51", "5 µg" and "5 mg" differ.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from functools import cache
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from evalsuite.data.overlap.word_hashes import PLANE, Hashes, Places, code_points, folded_letter, mixed, span_hashes

SEPARATOR, LETTER, DIGIT, RAISED, SINGLE, _DASH, _INNER, _MARK = range(8)
"""Kinds of tokens and, with an underscore, of characters that are resolved before. `RAISED`: a superscript or a
fraction; `SINGLE`: a sign or a Chinese character, each a token of its own; `_DASH`: a sign beside a digit; `_INNER`: a
sign between two digits."""
_SIGNS: Final = "+<>%±≤≥=^×~"
_DASHES: Final = "-‐‑‒–−"
_INNERS: Final = ".,/:·"
_MICRO: Final = "µμ"
"""Micro stands before a unit, where it must not become the Latin m of milli."""


class TokenTable(NamedTuple):
    """The tokens of several texts, in order."""

    hashes: Hashes
    kinds: NDArray[np.uint8]
    bounds: Places
    """Where the tokens of each text begin; one more at the end."""


def token_table(texts: Sequence[str]) -> TokenTable:
    """Return the tokens of texts. A plain text in place of a sequence of texts is a `TypeError`."""
    if isinstance(texts, str):
        raise TypeError("texts: a sequence of texts, not one text")
    plane = code_points(texts)
    characters = _characters()
    kinds = characters.kinds[plane]
    offsets = np.cumsum([0, *(len(text) + 1 for text in texts)])
    if (marks := kinds == _MARK).any():
        offsets -= np.concatenate([[0], np.cumsum(marks)])[offsets]
        plane, kinds = plane[~marks], kinds[~marks]
    kinds = _resolved(kinds)
    first, last = kinds != SEPARATOR, kinds != SEPARATOR
    goes_on = (kinds[1:] == kinds[:-1]) & (kinds[1:] != SINGLE)
    first[1:] &= ~goes_on
    last[:-1] &= ~goes_on
    starts, ends = np.flatnonzero(first), np.flatnonzero(last) + 1
    hashes = span_hashes(plane, characters.values, starts, ends)
    return TokenTable(hashes, kinds[starts], np.searchsorted(starts, offsets))


def _resolved(kinds: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return kinds in which a dash or an inner sign is a token or a separator, by its neighbours."""
    digits = kinds == DIGIT
    before, after = np.zeros_like(digits), np.zeros_like(digits)
    before[1:], after[:-1] = digits[:-1], digits[1:]
    kinds = kinds.copy()
    dashes, inners = kinds == _DASH, kinds == _INNER
    kinds[dashes] = np.where((before | after)[dashes], SINGLE, SEPARATOR)
    kinds[inners] = np.where((before & after)[inners], SINGLE, SEPARATOR)
    return kinds


def word_hashes_of(words: Sequence[str]) -> Hashes:
    """Return the hash of each of some words, each of which is one token."""
    return token_table(words).hashes


class _Characters(NamedTuple):
    kinds: NDArray[np.uint8]
    values: Hashes
    """What each code point adds to its token's hash."""


@cache
def _characters() -> _Characters:
    kinds, stands_for = np.zeros(PLANE, np.uint8), np.arange(PLANE, dtype=np.uint64)
    for code in range(PLANE):
        kind, letter = _character(chr(code))
        kinds[code], stands_for[code] = kind, ord(letter)
    return _Characters(kinds, mixed((stands_for + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)))


def _character(character: str) -> tuple[int, str]:
    """Return the kind of a character, and the character that it is the same as."""
    category = unicodedata.category(character)
    plain = unicodedata.normalize("NFKD", character)
    plain = plain if len(plain) == 1 else character  # "≠" is no "=" with a mark
    if character in _MICRO:
        found = LETTER, "u"
    elif "\u3400" <= character <= "\u9fff" or "\u3040" <= character <= "\u30ff" or "\uac00" <= character <= "\ud7a3":
        found = SINGLE, character
    elif category == "No" and not "\u2080" <= character <= "\u2089":
        found = RAISED, character
    elif plain.isdecimal():
        found = DIGIT, str(unicodedata.decimal(plain))
    elif character.isalnum():
        found = LETTER, folded_letter(character)
    elif category in ("Mn", "Cf"):
        found = _MARK, character
    elif plain in _DASHES or character in _DASHES:
        found = _DASH, "-"
    elif plain in _INNERS:
        found = _INNER, plain
    elif plain in _SIGNS or character in _SIGNS:
        found = SINGLE, character if character in _SIGNS else plain
    else:
        found = SEPARATOR, character
    return found
