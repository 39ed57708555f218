"""Which texts are duplicates of which: exact ones first, then near ones, each verified by exact Jaccard.

Of texts that are duplicates of each other the longest complete one stays. Texts are taken in that order, and each one
that stays removes those that are near duplicates of itself, so that every removed text has one that stays whose
similarity is at least the threshold, also where A is like B and B like C but A not like C.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from evalsuite.data.overlap.word_hashes import Hashes, Places
from training.corpora.duplicates.pairs import PairChecker
from training.corpora.duplicates.settings import DuplicateSettings
from training.corpora.duplicates.signatures import Signatures

EXACT: Final = 1
NEAR: Final = 2
_ALL_PAIRS: Final = 32
"""Texts with the same value in a band of which every pair is compared; of more, each with some of them (leaders)."""
_LEADERS: Final = 32


class Duplicates(NamedTuple):
    """What was found among `n` texts."""

    kind: NDArray[np.uint8]
    """0 for a text that stays, else `EXACT` or `NEAR`."""
    stays: Places
    """The text that stays in its place; the text itself where it stays."""
    similarity: NDArray[np.float32]
    """Jaccard similarity to the text by which it was removed; 1 for exact duplicates and for texts that stay."""
    candidates: int
    """Pairs that were compared."""
    apart: tuple[tuple[int, int], ...]
    """Pairs, at most `MOST_APART`, that are similar enough but differ in a number, a unit or a negation."""
    apart_count: int
    not_compared: int
    """Texts of crowded bands that were compared with leaders only."""


MOST_APART: Final = 1_000


def find_duplicates(
    parts: Sequence[Signatures], settings: DuplicateSettings, alive: NDArray[np.bool_] | None = None
) -> Duplicates:
    """Find the duplicates among the texts of all parts, which are numbered through from 0.

    `alive`: the texts that are compared, where it is not all of them; the others count as if they were not there.
    Memory: about 100 bytes a text and 16 bytes a candidate pair; shingles stay on the disk where parts are mapped.
    """
    tokens = np.concatenate([part.tokens for part in parts] or [np.empty(0, np.int32)])
    complete = np.concatenate([part.complete for part in parts] or [np.empty(0, np.bool_)])
    count = len(tokens)
    kind, stays = np.zeros(count, np.uint8), np.arange(count)
    similarity = np.ones(count, np.float32)
    # Position of each text in the order in which texts are taken.
    rank = np.empty(count, np.int64)
    rank[np.lexsort((np.arange(count), -tokens, ~complete))] = np.arange(count)
    compared = np.ones(count, np.bool_) if alive is None else alive
    _remove_exact(parts, rank, compared & (tokens > 0), kind, stays)
    checker = PairChecker(parts, tokens, settings)
    edges, crowded = _near_pairs(parts, checker, rank, compared & (kind == 0), settings)
    for better, worse, value in edges:
        if kind[better] == 0 and kind[worse] == 0:
            kind[worse], stays[worse], similarity[worse] = NEAR, better, value
    exact = kind == EXACT
    stays[exact] = stays[stays[exact]]
    return Duplicates(
        kind, stays, similarity, checker.compared, tuple(checker.apart[:MOST_APART]), checker.apart_count, crowded
    )


def _remove_exact(
    parts: Sequence[Signatures], rank: Places, compared: NDArray[np.bool_], kind: NDArray[np.uint8], stays: Places
) -> None:
    """Mark texts whose tokens are all the same; texts without any token are no duplicates and not `compared`."""
    filled = np.flatnonzero(compared)
    if not len(filled):
        return
    keys = np.concatenate([part.exact for part in parts])[filled]
    order = np.lexsort((rank[filled], keys[:, 1], keys[:, 0]))
    keys, texts = keys[order], filled[order]
    first = np.concatenate([[True], (keys[1:] != keys[:-1]).any(axis=1)])
    group = np.flatnonzero(first)[np.cumsum(first) - 1]
    kind[texts[~first]] = EXACT
    stays[texts[~first]] = texts[group[~first]]


def _near_pairs(
    parts: Sequence[Signatures],
    checker: PairChecker,
    rank: Places,
    alive: NDArray[np.bool_],
    settings: DuplicateSettings,
) -> tuple[list[tuple[int, int, float]], int]:
    """Return pairs of near duplicates, the better text first, in the order of the better one; and the crowded texts."""
    crowded = 0
    pairs: list[Hashes] = []
    for band in range(settings.bands[0] if parts else 0):
        for run in _runs(np.concatenate([part.bands[band] for part in parts]), alive):
            if len(run) <= _ALL_PAIRS:
                left, right = np.triu_indices(len(run), 1)
                pairs.append(_codes(run[left], run[right], rank))
            else:
                crowded += _follow_leaders(run[np.argsort(rank[run])], checker, rank)
        pairs = [np.unique(np.concatenate(pairs))] if pairs else []
    if pairs:
        checker.check(pairs[0])
    found = checker.found()
    order = np.lexsort((rank[found.worse], rank[found.better]))
    columns = (found.better[order].tolist(), found.worse[order].tolist(), found.similarity[order].tolist())
    return list(zip(*columns, strict=True)), crowded


def _codes(left: Places, right: Places, rank: Places) -> Hashes:
    """Return pairs as single numbers, each with the text of the better rank in its upper half."""
    swap = rank[left] > rank[right]
    better, worse = np.where(swap, right, left), np.where(swap, left, right)
    codes: Hashes = better.astype(np.uint64) << np.uint64(32) | worse.astype(np.uint64)
    return codes


def _runs(values: Hashes, alive: NDArray[np.bool_]) -> Iterator[Places]:
    """Yield the texts that have the same value, where there are at least two."""
    texts = np.flatnonzero(alive & (values != 0))
    order = np.argsort(values[texts], kind="stable")
    texts = texts[order]
    same = values[texts][1:] == values[texts][:-1]
    edges = np.flatnonzero(np.diff(np.concatenate([[False], same, [False]]).astype(np.int8)))
    for start, end in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True):
        yield texts[start : end + 1]


def _follow_leaders(run: Places, checker: PairChecker, rank: Places) -> int:
    """Compare a crowd with its best texts, one after another; return how many were like none of them."""
    for _ in range(_LEADERS):
        if len(run) < 2:
            break
        leader, others = run[:1], run[1:]
        like = checker.check(_codes(np.repeat(leader, len(others)), others, rank))
        run = others[~like]
    return len(run)
