"""An item with its options moved round: shown at other places, graded in its own labels.

Shift s moves every option up by s places, the first s behind the last: an item of m options has m shifts, and each of
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


def shifts_of(item: Item) -> range:
    """The shifts under which an item can be asked: one an option, or none but 0 where an option means others by their
    place ("all of the above"), so that it would say something else elsewhere."""
    in_place = any(_POINTS.search(option) for option in item.options)
    return range(1 if in_place else len(item.options))


def shifted(item: Item, shift: int) -> Item:
    """Return the item as it is shown under a shift, its gold label where the gold option then stands."""
    if shift == 0:
        return item
    options = item.options[shift:] + item.options[:shift]
    if item.options == item.labels:
        return replace(item, options=options, labels=options)
    place = (item.labels.index(item.gold) - shift) % len(item.labels)
    return replace(item, options=options, gold=item.labels[place])


def own_label(item: Item, place: int, shift: int) -> str:
    """The item's own label of the option that a shift shows at a place, counted from 0."""
    return item.labels[(place + shift) % len(item.labels)]
