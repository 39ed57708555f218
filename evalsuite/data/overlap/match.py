"""How a text and a benchmark's question match, from the word sequences that both have."""

from __future__ import annotations

from collections.abc import Mapping
from math import inf
from typing import Final, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from evalsuite.data.overlap.benchmark_items import Part
from evalsuite.data.overlap.word_hashes import SEED_WORDS, Hashes, seed_hashes

Rule = Literal["exact", "near", "13-gram", "64-char"]
RULES: Final[tuple[Rule, ...]] = ("exact", "near", "13-gram", "64-char")
"""`exact`: the whole question, word for word. `near`: most of it, see `NEAR`. `13-gram`: 13 words in a row (Brown et
al. 2020, arXiv:2005.14165). `64-char`: 64 characters in a row, of whole words with one space between them."""

SHORT: Final = 19
"""Words of the longest question for which a row's options are looked at."""


class NearLimits(NamedTuple):
    """From what common part on a text contains a question of a given length."""

    longest: float
    """Words of the longest question for which these limits hold."""
    share: float
    """Share of the question's words that stand in common sequences of four words."""
    weighted: float
    """The same share if each word counts by how rare it is among all questions: by the square of the logarithm of
    1 + questions / questions that have it."""


NEAR: Final = (
    # Stock phrases ("Which of the following is used in the management of") make up most of many a short question.
    NearLimits(SHORT, 0.65, 0.6),
    NearLimits(39, 0.5, 0.5),
    # Of a vignette that was rewritten, the rare words are replaced first.
    NearLimits(inf, 0.5, 0.35),
)
SHORTEST_NEAR: Final[Mapping[Part, int]] = {"question": 12, "context": 40}
"""Words of the shortest text that can be matched by `near` without its options. A context is an abstract or a case; few
sentences in one form are near many others."""
SHORTEST_EXACT: Final = 8
"""Words of the shortest question that is evidence by itself; a shorter one needs its options in the same row."""
OPTIONS_EXACT: Final = 0.5
"""Share of an item's options that must stand in the row of a question of less than `SHORTEST_EXACT` words."""
OPTIONS_NEAR: Final = 1.0
"""Share of an item's options beside which `SHARE_BESIDE` of a short question is enough for `near`."""
SHARE_BESIDE: Final = 0.3
OWN: Final = 1 / 3
"""Share of a question's words that a text must have outside of stock phrases if it differs by stock phrases alone.
Where all questions have one frame ("Which drug treats the disease that has symptom X?"), one that asks for something
else about X is another question."""
LONG_RUN: Final = 13
LONG_CHARACTERS: Final = 64


class Match(NamedTuple):
    """A question that a document contains, wholly or in part."""

    document: int
    field: int
    question: int
    rules: tuple[Rule, ...]
    share: float
    """The part of the question's words that stand in common sequences of four words, from 0 to 1."""
    span: tuple[int, int]
    """Where in the field, in characters."""
    question_span: tuple[int, int]
    """The common part of the question, in characters."""


class Stem(NamedTuple):
    """A question's words, prepared to be compared."""

    words: Hashes
    starts: NDArray[np.int64]
    ends: NDArray[np.int64]
    weights: NDArray[np.float64]
    """How much each word says; they add up to 1."""
    seeds: Hashes
    """The seeds in ascending order."""
    places: NDArray[np.int64]
    """Where each of these stands."""
    stock: NDArray[np.bool_]
    """Which words stand in stock phrases."""


class CommonWords(NamedTuple):
    """What a stem and a window of a text have in common. Places of the text count from the window's start."""

    share: float
    weighted_share: float
    run: int
    """Words of the longest common sequence."""
    window_run: int
    """Where that sequence begins in the window."""
    first: int
    """The first and the last common word of the window."""
    last: int
    stem_first: int
    stem_last: int
    same_frame: bool
    """Whether the text may be another question of the same frame, see `OWN`."""


def compare(stem: Stem, window: Hashes, stock: Hashes) -> CommonWords | None:
    """Compare a stem with a part of a text by their common seeds; None if there are none.

    `stock`: the seeds that are stock phrases, in ascending order.
    """
    seeds = seed_hashes(window)
    places, own = _common_seeds(stem, seeds)
    if not len(places):
        return None
    covered = words_of_seeds(own, len(stem.words))
    run, last = _longest_run(places, own)
    common = np.flatnonzero(covered)
    return CommonWords(
        share=float(np.count_nonzero(covered) / len(covered)),
        weighted_share=float(stem.weights[covered].sum()),
        run=run + SEED_WORDS - 1,
        window_run=int(places[last]) - run + 1,
        first=int(places.min()),
        last=int(places.max()) + SEED_WORDS,
        stem_first=int(common[0]),
        stem_last=int(common[-1]) + 1,
        same_frame=int(np.count_nonzero(covered & ~stem.stock)) < OWN * len(covered)
        and _differs_by_stock(seeds, places, (int(common[0]), len(covered) - int(common[-1]) - 1), stock),
    )


def words_of_seeds(places: NDArray[np.int64], count: int) -> NDArray[np.bool_]:
    """Return which of so many words stand in the seeds at some places."""
    found = np.zeros(count, np.bool_)
    for offset in range(SEED_WORDS):
        found[places + offset] = True
    return found


def _differs_by_stock(seeds: Hashes, places: NDArray[np.int64], margins: tuple[int, int], stock: Hashes) -> bool:
    """Return whether a text goes on in stock phrases wherever it is no longer, or not yet, that of a question.

    `places`: those of the common seeds. `margins`: the words that the question has before and after the common ones.
    """
    covered = words_of_seeds(places, len(seeds) + SEED_WORDS - 1)
    begins = np.flatnonzero(covered[1:] & ~covered[:-1])
    ends = np.flatnonzero(covered[:-1] & ~covered[1:]) + 2 - SEED_WORDS
    # The words before and after all that is common are others of the text where the question has none there.
    outer = (int(places.min()) - 1 if not margins[0] else -1, int(places.max()) + 1 if not margins[1] else -1)
    edges = np.concatenate([begins[begins != outer[0]], ends[ends != outer[1]]])
    return bool(len(edges)) and bool(contained(seeds[edges], stock).all())


def contained(seeds: Hashes, known: Hashes) -> NDArray[np.bool_]:
    """Return which seeds stand in an ascending list."""
    if not len(known):
        return np.zeros(len(seeds), np.bool_)
    found: NDArray[np.bool_] = known[np.minimum(np.searchsorted(known, seeds), len(known) - 1)] == seeds
    return found


def _common_seeds(stem: Stem, window: Hashes) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the places of each common seed in the window and in the stem."""
    lows = np.searchsorted(stem.seeds, window, side="left")
    counts = np.searchsorted(stem.seeds, window, side="right") - lows
    places = np.repeat(np.arange(len(window)), counts)
    within = np.arange(len(places)) - np.repeat(np.cumsum(counts) - counts, counts)
    return places, stem.places[lows[places] + within]


def _longest_run(places: NDArray[np.int64], own: NDArray[np.int64]) -> tuple[int, int]:
    """Return the number of seeds of the longest sequence that both have, and which of the common seeds ends it."""
    order = np.lexsort((places, places - own))
    goes_on = (np.diff(places[order]) == 1) & (np.diff(own[order]) == 1)
    number = np.arange(len(order))
    begins = np.where(np.concatenate([[True], ~goes_on]), number, 0)
    lengths = number - np.maximum.accumulate(begins) + 1
    end = int(np.argmax(lengths))
    return int(lengths[end]), int(order[end])


def run_characters(
    stem: Stem, common: CommonWords, text_ends: NDArray[np.int64], text_starts: NDArray[np.int64]
) -> int:
    """Return the length of the longest common sequence in characters, with one space between two words."""
    first = common.window_run
    lengths = text_ends[first : first + common.run] - text_starts[first : first + common.run]
    return int(lengths.sum()) + common.run - 1


def rules_of(stem: Stem, common: CommonWords, characters: int, options: float, shortest: int) -> tuple[Rule, ...]:
    """Return the rules that hold.

    `options`: the share of the item's options that the row has, too. `shortest`: see `SHORTEST_NEAR`.
    """
    size = len(stem.words)
    near = next(limits for limits in NEAR if size <= limits.longest)
    reworded = (
        size >= shortest
        and common.share >= near.share
        and common.weighted_share >= near.weighted
        and not common.same_frame
    )
    holds = {
        "exact": common.run == size and (size >= SHORTEST_EXACT or options >= OPTIONS_EXACT),
        "near": reworded or (size <= SHORT and options >= OPTIONS_NEAR and common.share >= SHARE_BESIDE),
        "13-gram": common.run >= LONG_RUN,
        "64-char": characters >= LONG_CHARACTERS,
    }
    return tuple(rule for rule in RULES if holds[rule])
