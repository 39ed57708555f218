"""Find letters that a source lost everywhere, such as "rt" (arthritis -> ahritis), without being told which.

A word is damaged when other tasks hardly have it, and better-known words become it by losing the same two neighbouring
letters. One such pair of letters behind the damage of many items, far more than any other pair, is a conversion fault,
not typing errors.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence

from evalsuite.tasks.item import Item

_WORD = re.compile(r"[a-z]{3,}")
FEWEST = 20
"""A fault shows in at least so many items."""
STRAY = 3
RARER = 20
"""A damaged word may stray into a few items of other tasks if the whole word is so many times more common there."""
OUTLIER = 5
"""And in so many times more than the next pair of letters."""


def words(item: Item) -> set[str]:
    """Return the lower-case words of an item's question and options."""
    return set(_WORD.findall(" ".join((item.question, *item.options)).lower()))


def lost_letters(mine: Sequence[tuple[str, set[str]]], elsewhere: Mapping[str, int]) -> dict[str, list[str]]:
    """Return {lost letters: ids of items with a damaged word} of a file; mostly empty.

    `mine`: id and words of each item; `elsewhere`: in how many items of other tasks a word occurs.
    """
    here = Counter(word for _, found in mine for word in found)
    origins = _origins({w for w in here if elsewhere.get(w, 0) <= STRAY}, here, elsewhere)
    ids: dict[str, dict[str, None]] = defaultdict(dict)
    for name, found in mine:
        for word in found & origins.keys():
            ids[origins[word]][name] = None
    ranked = sorted(ids, key=lambda pair: -len(ids[pair]))
    faults = []
    for place, pair in enumerate(ranked):
        following = len(ids[ranked[place + 1]]) if place + 1 < len(ranked) else 0
        if len(ids[pair]) >= FEWEST and len(ids[pair]) >= OUTLIER * following:
            faults = ranked[: place + 1]
            break
    return {pair: list(ids[pair]) for pair in faults}


def _origins(strange: set[str], here: Mapping[str, int], elsewhere: Mapping[str, int]) -> dict[str, str]:
    """For each strange word, the pair of letters that the commonest word loses to become it."""
    best: dict[str, tuple[int, str]] = {}
    for whole in here.keys() | elsewhere.keys():
        known = elsewhere.get(whole, 0)
        if known < 3 or len(whole) < 5:
            continue
        for place in range(1, len(whole) - 1):
            form = whole[:place] + whole[place + 2 :]
            if form in strange and known >= RARER * elsewhere.get(form, 0):
                best[form] = max(best.get(form, (0, "")), (known, whole[place : place + 2]))
    return {form: pair for form, (_, pair) in best.items()}
