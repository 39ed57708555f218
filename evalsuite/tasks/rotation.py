"""Option rotation: an item with its options moved cyclically, graded in its original labels.

Rotation s moves every option up by s places, the first s behind the last. An item of m options has m rotations, over
which each option is once at each place. Letters keep their places and the texts move under them; options that are their
own labels (yes, no, maybe) are listed in another order.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Final

from evalsuite.tasks.item import Item

_REFERS_TO_PLACE: Final = re.compile(
    r"\bof (?:the )?above\b|\b(?:all|none|any|both) the above\b|以上[都皆均各选]", re.IGNORECASE
)
"""An option that refers to others by their place, such as "all of the above"."""


def rotations_of(item: Item) -> range:
    """Return the rotations under which an item can be presented: one per option.

    Only rotation 0 is left if an option refers to others by their place, since it would mean something else at another.
    """
    fixed = any(_REFERS_TO_PLACE.search(option) for option in item.options)
    return range(1 if fixed else len(item.options))


def rotated(item: Item, rotation: int) -> Item:
    """Return the item as it is presented under a rotation; its gold label is that of the gold option's new place."""
    if rotation == 0:
        return item
    options = item.options[rotation:] + item.options[:rotation]
    if item.options == item.labels:
        return replace(item, options=options, labels=options)
    place = (item.labels.index(item.gold) - rotation) % len(item.labels)
    return replace(item, options=options, gold=item.labels[place])


def original_label(item: Item, place: int, rotation: int) -> str:
    """Return the original label of the option that a rotation presents at a place, counted from 0."""
    return item.labels[(place + rotation) % len(item.labels)]
