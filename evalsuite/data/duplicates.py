"""Near-duplicate questions, inside one file and between files.

Two stems of at least twelve words are near duplicates if they share at least 0.7 of the six-word sequences of the
shorter one, and at least 0.65 after stock phrases ("which of the following is the most") are left out. Words are runs
of letters and digits, case folded; each Chinese character is a word of its own.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from evalsuite.tasks.item import Item

GRAM = 6
SHORTEST = 12
SHARED = 0.7
SHARED_RARE = 0.65
STOCK = 10
"""A sequence in more stems than this is a stock phrase; it proposes no pairs."""
_WORD = re.compile(r"[\u3400-\u9fff]|[^\W_\u3400-\u9fff]+")


class DuplicatePair(NamedTuple):
    """Two near-duplicate items: their places in the list of stems, and how similar they are."""

    a: int
    b: int
    shared: float
    """Share of the shorter stem's sequences that the other stem has."""
    jaccard: float


def words(text: str) -> list[str]:
    """Return a text's words, case folded."""
    return _WORD.findall(text.casefold())


def grams(text: str) -> frozenset[int]:
    """Return the six-word sequences of a text, hashed; none if it is too short."""
    sequence = words(text)
    if len(sequence) < SHORTEST:
        return frozenset()
    return frozenset(hash(tuple(sequence[i : i + GRAM])) for i in range(len(sequence) - GRAM + 1))


def near_duplicates(stems: Sequence[frozenset[int]]) -> Iterator[DuplicatePair]:
    """Yield every pair of near duplicates among the stems of all files together, in order."""
    occurrences: dict[int, list[int]] = defaultdict(list)
    for place, stem in enumerate(stems):
        for gram in stem:
            occurrences[gram].append(place)
    # Only rare sequences propose pairs, or a stock phrase in every stem would propose all of them.
    rare = {gram for gram, places in occurrences.items() if len(places) <= STOCK}
    proposed: set[tuple[int, int]] = set()
    for gram in rare:
        places = occurrences[gram]
        proposed.update((a, b) for i, a in enumerate(places) for b in places[i + 1 :])
    for a, b in sorted(proposed):
        shared = _overlap(stems[a], stems[b])
        if shared >= SHARED and _overlap(stems[a] & rare, stems[b] & rare) >= SHARED_RARE:
            yield DuplicatePair(a, b, shared, len(stems[a] & stems[b]) / len(stems[a] | stems[b]))


def _overlap(a: frozenset[int], b: frozenset[int]) -> float:
    """Return the overlap coefficient: the share of the smaller set that the other one has."""
    return len(a & b) / min(len(a), len(b))


def same_question(items: Iterable[Item], options_too: bool) -> list[list[str]]:
    """Return groups of ids that share the question (and the set of option texts), but for white space and case."""
    groups: dict[object, list[str]] = defaultdict(list)
    for item in items:
        groups[question_key(item, options_too)].append(item.id)
    return [ids for ids in groups.values() if len(ids) > 1]


def question_key(item: Item, options_too: bool) -> object:
    """Return what two items have in common if they ask the same question."""
    question = " ".join(item.question.split()).casefold()
    context = item.context
    return (question, context, frozenset(item.options)) if options_too else (question, context)
