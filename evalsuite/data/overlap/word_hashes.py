"""The words of many texts as arrays of hashes, made by NumPy: some ten times as fast as a loop over words.

A word is a run of letters and digits; a Chinese character is a word of its own. Case, accents and width don't matter:
each code point stands for its case-folded compatibility form ("É" and "ｅ" for "e"). Greek and Cyrillic letters stand
for the Latin ones that they look like: one question of MedQA's test split is written with them. Marks that combine with
the letter before them are skipped.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

Hashes = NDArray[np.uint64]
Places = NDArray[np.int64]

PLANE: Final = 0x10000
"""Code points of the first plane."""
SEED_WORDS: Final = 4
"""Words of the sequences by which a text is looked up."""
_BLOCK: Final = 1 << 15
"""Code points that are hashed at once, few enough for a processor's cache."""
_SEPARATOR, _LETTER, _IDEOGRAPH, _MARK = range(4)
_BASE: Final = 0x9E3779B97F4A7C15
_MULTIPLIER: Final = np.uint64(0xBF58476D1CE4E5B9)
_SEQUENCE: Final = np.uint64(0x94D049BB133111EB)
_IDEOGRAPHS: Final = (0x3400, 0x9FFF)
_LOOK_ALIKES: Final = str.maketrans("авекмнорстухіјѕԁһԛԝαβεζηικμνορτυχ", "abekmhopctyxijsdhqwabezhikmnoptyx")
"""Letters after case folding, so that the capitals decide: the Greek eta looks like an H."""


class WordTable(NamedTuple):
    """The words of several texts (segments), in order; a place is that of a word in all of them together."""

    hashes: Hashes
    starts: Places
    """Where each word begins in its own text, in characters."""
    ends: Places
    segments: Places
    """The number of the text that each word stands in."""

    def seeds(self) -> tuple[Hashes, Places]:
        """Return the hash of each `SEED_WORDS` words that follow one another in one text, and their first place."""
        count = len(self.hashes) - SEED_WORDS + 1
        if count <= 0:
            return np.empty(0, np.uint64), np.empty(0, np.int64)
        places = np.flatnonzero(self.segments[:count] == self.segments[SEED_WORDS - 1 :])
        return seed_hashes(self.hashes)[places], places


def seed_hashes(words: Hashes) -> Hashes:
    """Return the hash of each `SEED_WORDS` words that follow one another."""
    count = max(0, len(words) - SEED_WORDS + 1)
    found = words[:count].copy()
    for offset in range(1, SEED_WORDS):
        found *= _SEQUENCE
        found += words[offset : offset + count]
    return mixed(found)


def sequence_hash(words: Hashes) -> int:
    """Return one hash of a whole sequence of words."""
    found = 0
    for word in words.tolist():
        found = ((found * _BASE) ^ word) & 0xFFFFFFFFFFFFFFFF
    return found


def word_table(texts: Sequence[str]) -> WordTable:
    """Return the words of texts, each text a segment of its own."""
    plane = code_points(texts)
    kinds = _tables().kinds[plane]
    where: Places | None = None
    if (kinds == _MARK).any():
        where = np.flatnonzero(kinds != _MARK)
        plane, kinds = plane[where], kinds[where]
    starts, ends = _bounds(kinds)
    hashes = span_hashes(plane, _tables().values, starts, ends)
    if where is not None:
        starts, ends = where[starts], where[ends - 1] + 1
    offsets = np.cumsum([0, *(len(text) + 1 for text in texts)])
    segments = np.repeat(np.arange(len(texts)), np.diff(np.searchsorted(starts, offsets)))
    return WordTable(hashes, starts - offsets[segments], ends - offsets[segments], segments)


def code_points(texts: Sequence[str]) -> NDArray[np.uint16]:
    """Return the code points of texts one after another, each text with a line feed behind it.

    What lies beyond the first plane, where no letters are in which benchmarks are written, becomes U+FFFF, which is no
    character.
    """
    codes = np.frombuffer("\n".join([*texts, ""]).encode("utf-32-le", "surrogatepass"), np.uint32)
    return np.minimum(codes, PLANE - 1).astype(np.uint16)


def _bounds(kinds: NDArray[np.uint8]) -> tuple[Places, Places]:
    letters, ideographs = kinds == _LETTER, kinds == _IDEOGRAPH
    first, last = letters.copy(), letters.copy()
    first[1:] &= ~letters[:-1]
    last[:-1] &= ~letters[1:]
    return np.flatnonzero(first | ideographs), np.flatnonzero(last | ideographs) + 1


def span_hashes(plane: NDArray[np.uint16], values: Hashes, starts: Places, ends: Places) -> Hashes:
    """Return the hash of each word, given where it starts and ends among the code points, and each code point's value.

    It is the polynomial of the values, from running sums over blocks of whole words.
    """
    found = np.empty(len(starts), np.uint64)
    for first, after in _blocks(starts, ends):
        begin, end = int(starts[first]), int(ends[after - 1])
        powers, inverses = _powers(max(end - begin, _BLOCK))
        sums = np.zeros(end - begin + 1, np.uint64)
        np.cumsum(values[plane[begin:end]] * powers[: end - begin], out=sums[1:])
        relative = starts[first:after] - begin
        found[first:after] = (sums[ends[first:after] - begin] - sums[relative]) * inverses[relative]
    return mixed(found)


def _blocks(starts: Places, ends: Places) -> Iterator[tuple[int, int]]:
    """Yield ranges of words that together span at most a block, or one longer word."""
    first = 0
    while first < len(starts):
        after = max(first + 1, int(np.searchsorted(ends, starts[first] + _BLOCK, side="right")))
        yield first, after
        first = after


def mixed(values: Hashes) -> Hashes:
    """Return values whose upper bits depend on all bits (the finalizer of SplitMix64, in part)."""
    values = values ^ (values >> np.uint64(30))
    values *= _MULTIPLIER
    values ^= values >> np.uint64(27)
    return values


class _Tables(NamedTuple):
    kinds: NDArray[np.uint8]
    values: Hashes
    """What each letter contributes to its word's hash; separators contribute nothing."""


@cache
def _tables() -> _Tables:
    """Return, by code point of the first plane, what kind it is of and its value."""
    kinds, folded = np.zeros(PLANE, np.uint8), np.arange(PLANE, dtype=np.uint64)
    for code in range(PLANE):
        character = chr(code)
        if _IDEOGRAPHS[0] <= code <= _IDEOGRAPHS[1]:
            kinds[code] = _IDEOGRAPH
        elif character.isalnum():
            kinds[code] = _LETTER
            folded[code] = ord(folded_letter(character))
        elif unicodedata.category(character) in ("Mn", "Cf"):
            kinds[code] = _MARK
    values = mixed((folded + np.uint64(1)) * np.uint64(_BASE))
    values[kinds == _SEPARATOR] = 0
    return _Tables(kinds, values)


def folded_letter(character: str) -> str:
    """Return the letter that a character stands for when case, accents and width don't matter."""
    for form in (unicodedata.normalize("NFKD", character.casefold()), character.casefold()):
        if form and form[0].isalnum():
            return form[0].translate(_LOOK_ALIKES)
    return character


@cache
def _powers(count: int) -> tuple[Hashes, Hashes]:
    """Return the powers of the base, and those of its inverse modulo 2 ** 64, from exponent 0 on."""
    inverse = pow(_BASE, -1, 1 << 64)
    both = []
    for base in (_BASE, inverse):
        steps = np.full(count, base, np.uint64)
        steps[0] = 1
        both.append(np.cumprod(steps, dtype=np.uint64))
    return both[0], both[1]
