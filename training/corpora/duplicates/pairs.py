"""Compares pairs of texts: exact Jaccard of their shingles, and whether their numbers contradict each other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from evalsuite.data.overlap.word_hashes import Hashes, Places
from training.corpora.duplicates.settings import DuplicateSettings
from training.corpora.duplicates.signatures import Ragged, Signatures

_AT_ONCE: Final = 2048
"""Pairs whose sets are in memory together."""
_SPARSE: Final = 4
"""Of at least so many further tokens of a text one may be a number before they say something else."""


class Found(NamedTuple):
    """Pairs of near duplicates."""

    better: Places
    worse: Places
    similarity: NDArray[np.float64]


class PairChecker:
    """Compares pairs and keeps those that are near duplicates."""

    def __init__(self, parts: Sequence[Signatures], tokens: NDArray[np.int32], settings: DuplicateSettings) -> None:
        self._shingles = _Sets([part.shingles for part in parts])
        self._numbers = _Sets([part.numbers for part in parts])
        self._tokens, self._settings = tokens.astype(np.int64), settings
        self._found: list[Found] = []
        self.compared = self.apart_count = 0
        self.apart: list[tuple[int, int]] = []

    def check(self, codes: Hashes) -> NDArray[np.bool_]:
        """Compare pairs, given as one number each, and return which are near duplicates."""
        verdicts = [self._check(codes[start : start + _AT_ONCE]) for start in range(0, len(codes), _AT_ONCE)]
        return np.concatenate(verdicts) if verdicts else np.zeros(0, np.bool_)

    def found(self) -> Found:
        """Return all pairs of near duplicates so far; one may be there twice."""
        columns = zip(*self._found, strict=True) if self._found else ([], [], [])
        better, worse, similarity = (np.concatenate([*each, []]) for each in columns)
        return Found(better.astype(np.int64), worse.astype(np.int64), similarity)

    def _check(self, codes: Hashes) -> NDArray[np.bool_]:
        better, worse = (codes >> np.uint64(32)).astype(np.int64), (codes & np.uint64(0xFFFFFFFF)).astype(np.int64)
        self.compared += len(codes)
        common, sizes = self._shingles.common(better, worse), self._shingles.sizes
        similarity = common / np.maximum(sizes[better] + sizes[worse] - common, 1)
        like: NDArray[np.bool_] = similarity >= self._settings.threshold
        if self._settings.numbers_agree:
            apart = like.copy()
            apart[like] = self._contradict(better[like], worse[like])
            self.apart_count += int(apart.sum())
            self.apart += zip(better[apart].tolist(), worse[apart].tolist(), strict=True)
            like &= ~apart
        self._found.append(Found(better[like], worse[like], similarity[like]))
        return like

    def _contradict(self, better: Places, worse: Places) -> NDArray[np.bool_]:
        """Return for each pair whether each text has a number that the other lacks, or one just has more numbers.

        The longer of two texts, one of which is cut off, has more numbers and negations, but far more other words.
        """
        common, sizes = self._numbers.common(better, worse), self._numbers.sizes
        left, right = sizes[better] - common, sizes[worse] - common
        longer = np.abs(self._tokens[better] - self._tokens[worse])
        more = np.maximum(left, right)
        contradict: NDArray[np.bool_] = ((left > 0) & (right > 0)) | (more * _SPARSE > longer)
        return contradict


class _Sets:
    """The sets of all texts, of whichever part."""

    def __init__(self, parts: Sequence[Ragged]) -> None:
        self._parts = parts
        self._firsts = np.cumsum([0, *(len(part.bounds) - 1 for part in parts)])
        self.sizes: Places = np.concatenate([part.sizes() for part in parts] or [np.empty(0, np.int64)])

    def common(self, left: Places, right: Places) -> Places:
        """Return how many hashes the sets of each pair have in common."""
        texts = np.stack([left, right], axis=1).ravel()
        sets = self._gather(texts)
        pairs = np.repeat(np.repeat(np.arange(len(left), dtype=np.uint64), 2), self.sizes[texts])
        keys = np.sort(pairs << np.uint64(32) | sets)
        twice = keys[1:][keys[1:] == keys[:-1]] >> np.uint64(32)
        return np.bincount(twice.astype(np.int64), minlength=len(left))

    def _gather(self, texts: Places) -> NDArray[np.uint32]:
        owners = np.searchsorted(self._firsts, texts, side="right") - 1
        places = texts - self._firsts[owners]
        sets = [self._parts[o].of(n) for o, n in zip(owners.tolist(), places.tolist(), strict=True)]
        return np.concatenate(sets) if sets else np.empty(0, np.uint32)
