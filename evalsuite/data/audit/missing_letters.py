"""Detect letters that a conversion removed throughout a file, such as "rt" (arthritis -> ahritis), without a word list.

A word is damaged if other tasks hardly have it, and better-known words turn into it by losing the same two neighbouring
letters. One such pair of letters behind the damage in many items, far more than any other pair, is a conversion fault
and no typing error.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence

from evalsuite.tasks.item import Item

_WORD = re.compile(r"[a-z]{3,}")
MIN_ITEMS = 20
"""A fault shows in at least this many items."""
STRAY = 3
"""Items of other tasks that a damaged word may occur in."""
RARER = 20
"""It may only do so if the intact word is this many times more common in them."""
OUTLIER = 5
"""A fault shows in at least this many times more items than the next pair of letters."""
_MIN_KNOWN = 3
_MIN_LENGTH = 5
"""Intact words have at least this many letters and occur in at least `_MIN_KNOWN` items of other tasks."""


def words(item: Item) -> set[str]:
    """Return the lower-case words of an item's question and options."""
    return set(_WORD.findall(" ".join((item.question, *item.options)).lower()))


def missing_letters(items: Sequence[tuple[str, set[str]]], others: Mapping[str, int]) -> dict[str, list[str]]:
    """Return {missing letters: ids of items with a damaged word} of a file; mostly empty.

    `items`: id and words of each item; `others`: the number of items of other tasks in which a word occurs.
    """
    counts = Counter(word for _, item_words in items for word in item_words)
    origins = _origins({word for word in counts if others.get(word, 0) <= STRAY}, counts, others)
    ids: dict[str, dict[str, None]] = defaultdict(dict)
    for name, item_words in items:
        for word in item_words & origins.keys():
            ids[origins[word]][name] = None
    ranked = sorted(ids, key=lambda pair: -len(ids[pair]))
    faults = []
    # The faults are all pairs down to the first one that is far ahead of its successor.
    for place, pair in enumerate(ranked):
        following = len(ids[ranked[place + 1]]) if place + 1 < len(ranked) else 0
        if len(ids[pair]) >= MIN_ITEMS and len(ids[pair]) >= OUTLIER * following:
            faults = ranked[: place + 1]
            break
    return {pair: list(ids[pair]) for pair in faults}


def _origins(strange: set[str], counts: Mapping[str, int], others: Mapping[str, int]) -> dict[str, str]:
    """Return, for each strange word, the pair of letters that the most common word loses to become it."""
    best: dict[str, tuple[int, str]] = {}
    for word in counts.keys() | others.keys():
        known = others.get(word, 0)
        if known < _MIN_KNOWN or len(word) < _MIN_LENGTH:
            continue
        for place in range(1, len(word) - 1):
            damaged = word[:place] + word[place + 2 :]
            if damaged in strange and known >= RARER * others.get(damaged, 0):
                best[damaged] = max(best.get(damaged, (0, "")), (known, word[place : place + 2]))
    return {damaged: pair for damaged, (_, pair) in best.items()}
