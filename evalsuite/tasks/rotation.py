"""An item with its options moved round: shown at other places, graded in its own labels.

Rotation s moves every option up by s places, the first s behind the last: an item of m options has m rotations, and
each of
its options stands once at each place. Letters stay where they are and the texts move under them; options that are their
own labels (yes, no, maybe) are listed in another order.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Final

from evalsuite.tasks.item import Item

_POINTS: Final = re.compile(
    r"\bof (?:the )?above\b|\b(?:all|none|any|both) the above\b|以上[都皆均各选]", re.IGNORECASE
)
"""What an option says that means others by their place."""


def rotations_of(item: Item) -> range:
    """The rotations under which an item can be asked: one an option, or none but 0 where an option means others by
    their
    place ("all of the above"), so that it would say something else elsewhere."""
    in_place = any(_POINTS.search(option) for option in item.options)
    return range(1 if in_place else len(item.options))


def rotated(item: Item, rotation: int) -> Item:
    """Return the item as it is shown under a rotation, its gold label where the gold option then stands."""
    if rotation == 0:
        return item
    options = item.options[rotation:] + item.options[:rotation]
    if item.options == item.labels:
        return replace(item, options=options, labels=options)
    place = (item.labels.index(item.gold) - rotation) % len(item.labels)
    return replace(item, options=options, gold=item.labels[place])


def original_label(item: Item, place: int, rotation: int) -> str:
    """The item's own label of the option that a rotation shows at a place, counted from 0."""
    return item.labels[(place + rotation) % len(item.labels)]
