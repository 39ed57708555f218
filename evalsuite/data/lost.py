"""Find letters that a source lost everywhere, such as "rt" (arthritis -> ahritis), without being told which.

A word is damaged when no other task has it, and better-known words become it by losing the same two neighbouring
letters. One such pair of letters behind the damage of many items, far more than any other pair, is a conversion fault,
not typing errors.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence

from evalsuite.task import Item

_WORD = re.compile(r"[a-z]{3,}")
FEWEST = 20
"""A fault shows in at least so many items."""
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
    origins = _origins({w for w in here if not elsewhere.get(w)}, here, elsewhere)
    ids: dict[str, dict[str, None]] = defaultdict(dict)
    for name, found in mine:
        for word in found & origins.keys():
            for pair in origins[word]:
                ids[pair][name] = None
    ranked = sorted(ids, key=lambda pair: -len(ids[pair]))
    faults = []
    for place, pair in enumerate(ranked):
        following = len(ids[ranked[place + 1]]) if place + 1 < len(ranked) else 0
        if len(ids[pair]) >= FEWEST and len(ids[pair]) >= OUTLIER * following:
            faults = ranked[: place + 1]
            break
    return {pair: list(ids[pair]) for pair in faults}


def _origins(strange: set[str], here: Mapping[str, int], elsewhere: Mapping[str, int]) -> dict[str, set[str]]:
    """For each strange word, the pairs of letters whose loss makes it of a better-known word."""
    origins: dict[str, set[str]] = defaultdict(set)
    for whole in here.keys() | elsewhere.keys():
        known = elsewhere.get(whole, 0)
        if known < 3 or len(whole) < 5:
            continue
        for place in range(1, len(whole) - 1):
            form = whole[:place] + whole[place + 2 :]
            if form in strange:
                origins[form].add(whole[place : place + 2])
    return {form: pairs for form, pairs in origins.items() if len(pairs) <= 4}
