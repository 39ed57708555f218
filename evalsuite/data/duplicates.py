"""Near-duplicate questions, inside and between files.

Two stems of at least twelve words are near duplicates when they share at least seven tenths of the six-word sequences
of the shorter one, and nearly as many where stock phrases ("which of the following is the most") are left out. Words
are runs of letters and digits, case folded; a Chinese character is a word by itself.
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
    """Two near-duplicate items: places in the two lists, and how alike they are."""

    a: int
    b: int
    shared: float
    """Share of the shorter stem's sequences that the other has."""
    jaccard: float


def words(text: str) -> list[str]:
    """Return a text's words, case folded."""
    return _WORD.findall(text.casefold())


def grams(text: str) -> frozenset[int]:
    """Return the six-word sequences of a text, hashed; none where it is too short."""
    found = words(text)
    if len(found) < SHORTEST:
        return frozenset()
    return frozenset(hash(tuple(found[i : i + GRAM])) for i in range(len(found) - GRAM + 1))


def near_duplicates(stems: Sequence[frozenset[int]]) -> Iterator[DuplicatePair]:
    """Yield every pair of near duplicates among stems (of all files together), in order."""
    holders: dict[int, list[int]] = defaultdict(list)
    for place, stem in enumerate(stems):
        for gram in stem:
            holders[gram].append(place)
    rare = {gram for gram, places in holders.items() if len(places) <= STOCK}
    proposed: set[tuple[int, int]] = set()
    for gram in rare:
        places = holders[gram]
        proposed.update((a, b) for i, a in enumerate(places) for b in places[i + 1 :])
    for a, b in sorted(proposed):
        shared = _share(stems[a], stems[b])
        if shared >= SHARED and _share(stems[a] & rare, stems[b] & rare) >= SHARED_RARE:
            yield DuplicatePair(a, b, shared, len(stems[a] & stems[b]) / len(stems[a] | stems[b]))


def _share(a: frozenset[int], b: frozenset[int]) -> float:
    return len(a & b) / min(len(a), len(b))


def same_question(items: Iterable[Item], options_too: bool) -> list[list[str]]:
    """Return groups of ids that share the question's text (and the set of option texts), white space and case apart."""
    groups: dict[object, list[str]] = defaultdict(list)
    for item in items:
        groups[question_key(item, options_too)].append(item.id)
    return [ids for ids in groups.values() if len(ids) > 1]


def question_key(item: Item, options_too: bool) -> object:
    """What two items share that ask the same thing."""
    question = " ".join(item.question.split()).casefold()
    context = item.context
    return (question, context, frozenset(item.options)) if options_too else (question, context)
