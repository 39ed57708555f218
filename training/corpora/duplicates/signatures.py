"""What is kept of each text to find its duplicates: hashes of all its tokens, its shingles, its numbers, and bands."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import cache
from hashlib import blake2b
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from evalsuite.data.overlap.word_hashes import Hashes, Places, mixed
from training.corpora.duplicates.settings import DuplicateSettings
from training.corpora.duplicates.tokens import DIGIT, RAISED, SINGLE, TokenTable, token_table, word_hashes_of

Words32 = NDArray[np.uint32]

_BLOCK: Final = 1 << 16
"""Shingles whose MinHash values are computed at once, few enough for a processor's cache."""
_MULTIPLIER: Final = np.uint64(0x94D049BB133111EB)
_NEGATIONS: Final = ("no", "not", "nor", "never", "without", "neither", "none", "cannot", "absent", "negative")
_UNITS: Final = (
    *("kg", "g", "mg", "ug", "mcg", "ng", "pg", "l", "dl", "ml", "ul", "mmol", "umol", "nmol", "mol", "meq", "iu", "u"),
    *("units", "mmhg", "kpa", "cal", "kcal", "kj", "h", "hr", "hrs", "hours", "min", "s", "d", "day", "days", "wk"),
    *("week", "weeks", "mo", "month", "months", "yr", "year", "years", "%", "mm", "cm", "m"),
)
_CUT_OFF: Final = re.compile(r"(?:\.\.\.|…|\(ABSTRACT TRUNCATED[^)]*\))[\s\"'”’)\]]*\Z")
_ENDS: Final = re.compile(r"[.!?:;。！？|][\s\"'”’»)\]\d*†‡]*\Z|[)\]]\s*\Z")
_SMALL: Final = 256
"""Bytes of a file that is read and not mapped."""
_TAIL: Final = 120
"""Characters at the end of a text that tell whether it is complete."""


class Ragged(NamedTuple):
    """A sorted set of hashes of each text."""

    values: Words32
    bounds: Places
    """Where each text's set begins; one more at the end."""

    def of(self, number: int) -> Words32:
        """Return the set of one text."""
        return self.values[self.bounds[number] : self.bounds[number + 1]]

    def sizes(self) -> Places:
        """Return the size of each set."""
        return np.diff(self.bounds)


class Signatures(NamedTuple):
    """What is kept of `n` texts."""

    exact: Hashes
    """Shape (n, 2): the hash of all tokens in order, 128 bits; zero where there is no token."""
    tokens: NDArray[np.int32]
    complete: NDArray[np.bool_]
    """Whether the text ends as a text does, and is not cut off."""
    shingles: Ragged
    numbers: Ragged
    """Numbers with the sign before and the unit behind them, and negations."""
    bands: Hashes
    """Shape (bands, n): texts with an equal value in one of the bands are candidates; zero where no shingle is."""

    def save(self, folder: Path) -> None:
        """Write the arrays into a folder, from which they are mapped again. Raises `OSError`."""
        folder.mkdir(parents=True, exist_ok=True)
        for name, array in self._arrays().items():
            np.save(folder / f"{name}.npy", array, allow_pickle=False)

    def _arrays(self) -> dict[str, NDArray[Any]]:
        return {
            "exact": self.exact,
            "tokens": self.tokens,
            "complete": self.complete,
            "shingles": self.shingles.values,
            "shingle_bounds": self.shingles.bounds,
            "numbers": self.numbers.values,
            "number_bounds": self.numbers.bounds,
            "bands": self.bands,
        }


def load_signatures(folder: Path) -> Signatures:
    """Return the signatures of a folder as arrays that stay on the disk until they are used. Raises `OSError`."""

    def array(name: str) -> NDArray[Any]:
        # An empty array can't be mapped.
        path = folder / f"{name}.npy"
        whole: NDArray[Any] = np.load(path, mmap_mode=None if path.stat().st_size <= _SMALL else "r")
        return whole

    return Signatures(
        array("exact"),
        array("tokens"),
        array("complete"),
        Ragged(array("shingles"), array("shingle_bounds")),
        Ragged(array("numbers"), array("number_bounds")),
        array("bands"),
    )


def signatures(texts: Sequence[str], settings: DuplicateSettings) -> Signatures:
    """Return what is kept of texts. A plain text in place of a sequence of texts is a `TypeError`."""
    table = token_table(texts)
    shingles = _shingles(table, settings.words)
    return Signatures(
        exact=_exact(table),
        tokens=np.diff(table.bounds).astype(np.int32),
        complete=np.array([is_complete(text) for text in texts], np.bool_),
        shingles=shingles,
        numbers=_numbers(table),
        bands=band_values(shingles, settings),
    )


def is_complete(text: str) -> bool:
    """Return whether a text ends as a sentence, a list or a table does."""
    tail = text[-_TAIL:]
    return _ENDS.search(tail) is not None and _CUT_OFF.search(tail) is None


def _exact(table: TokenTable) -> Hashes:
    digests = b"".join(
        blake2b(table.hashes[a:b].tobytes(), digest_size=16).digest() if b > a else bytes(16)
        for a, b in zip(table.bounds[:-1].tolist(), table.bounds[1:].tolist(), strict=True)
    )
    return np.frombuffer(digests, "<u8").reshape(-1, 2)


def _shingles(table: TokenTable, words: int) -> Ragged:
    """Return the set of sequences of so many tokens; a text of fewer has none."""
    count = max(0, len(table.hashes) - words + 1)
    found = table.hashes[:count].copy()
    for offset in range(1, words):
        found *= _MULTIPLIER
        found += table.hashes[offset : offset + count]
    texts = np.repeat(np.arange(len(table.bounds) - 1), np.diff(table.bounds))
    whole = texts[:count] == texts[words - 1 :] if count else np.zeros(0, np.bool_)
    return _sets(mixed(found)[whole], texts[:count][whole], len(table.bounds) - 1)


def _sets(hashes: Hashes, texts: Places, count: int) -> Ragged:
    """Return the set of each text's hashes, of which 32 bits are kept."""
    keys = np.sort(texts.astype(np.uint64) << np.uint64(32) | hashes >> np.uint64(32))
    keys = keys[np.concatenate([[True], keys[1:] != keys[:-1]])] if len(keys) else keys
    bounds = np.searchsorted(keys, np.arange(count + 1, dtype=np.uint64) << np.uint64(32))
    return Ragged(keys.astype(np.uint32), bounds.astype(np.int64))


def _numbers(table: TokenTable) -> Ragged:
    """Return each text's numbers, as they stand between a sign and a unit, and its negations."""
    length = len(table.hashes)
    texts = np.repeat(np.arange(len(table.bounds) - 1), np.diff(table.bounds))
    numeric = np.flatnonzero((table.kinds == DIGIT) | (table.kinds == RAISED))
    found = table.hashes[numeric].copy()
    before, behind = np.maximum(numeric - 1, 0), np.minimum(numeric + 1, max(0, length - 1))
    signed = (numeric > 0) & (table.kinds[before] == SINGLE) & (texts[before] == texts[numeric])
    found[signed] += table.hashes[before[signed]] * _MULTIPLIER
    units = np.isin(table.hashes[behind], _listed(_UNITS)) & (behind > numeric) & (texts[behind] == texts[numeric])
    found[units] ^= mixed(table.hashes[behind[units]])
    negations = np.flatnonzero(np.isin(table.hashes, _listed(_NEGATIONS)))
    places = np.concatenate([numeric, negations])
    return _sets(mixed(np.concatenate([found, table.hashes[negations]])), texts[places], len(table.bounds) - 1)


def _listed(words: Sequence[str]) -> Hashes:
    return _hashes_once(tuple(words))


@cache
def _hashes_once(words: tuple[str, ...]) -> Hashes:
    return word_hashes_of(words)


def band_values(sets: Ragged, settings: DuplicateSettings) -> Hashes:
    """Return for each band the hash of a text's MinHash values in it, shape (bands, texts)."""
    bands, rows = settings.bands
    multipliers, offsets = _functions(bands * rows)
    filled = np.flatnonzero(sets.sizes())
    found = np.zeros((bands, len(sets.bounds) - 1), np.uint64)
    for texts, values, starts in _blocks(sets, filled):
        buffer = np.empty_like(values)
        for band in range(bands):
            key = np.full(len(texts), band + 1, np.uint64)
            for row in range(band * rows, (band + 1) * rows):
                np.multiply(values, multipliers[row], out=buffer)
                np.add(buffer, offsets[row], out=buffer)
                key = key * _MULTIPLIER + np.minimum.reduceat(buffer, starts)
            found[band, texts] = mixed(key) | np.uint64(1)
    return found


def _blocks(sets: Ragged, filled: Places) -> Iterator[tuple[Places, Words32, Places]]:
    """Yield ranges of the texts that have shingles: their numbers, their shingles, and where each one's begin."""
    first = 0
    while first < len(filled):
        limit = sets.bounds[filled[first]] + _BLOCK
        after = max(first + 1, int(np.searchsorted(sets.bounds[filled + 1], limit, side="right")))
        texts = filled[first:after]
        begin, end = sets.bounds[texts[0]], sets.bounds[texts[-1] + 1]
        yield texts, sets.values[begin:end], sets.bounds[texts] - begin
        first = after


def _functions(count: int) -> tuple[Words32, Words32]:
    """Return the odd multipliers and the offsets of so many hash functions, which are the same everywhere."""
    raw = b"".join(blake2b(f"minhash {number}".encode(), digest_size=8).digest() for number in range(count))
    pairs = np.frombuffer(raw, "<u4").reshape(-1, 2)
    return pairs[:, 0] | np.uint32(1), pairs[:, 1].copy()


def joined(parts: Sequence[Signatures]) -> Signatures:
    """Return the signatures of several groups of texts as those of all of them; of at least one group."""
    return Signatures(
        np.concatenate([part.exact for part in parts]),
        np.concatenate([part.tokens for part in parts]),
        np.concatenate([part.complete for part in parts]),
        _joined_sets([part.shingles for part in parts]),
        _joined_sets([part.numbers for part in parts]),
        np.concatenate([part.bands for part in parts], axis=1),
    )


def _joined_sets(parts: Sequence[Ragged]) -> Ragged:
    sizes = np.concatenate([part.sizes() for part in parts])
    return Ragged(np.concatenate([part.values for part in parts]), np.concatenate([[0], np.cumsum(sizes)]))
