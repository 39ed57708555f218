"""The canonical form of items and the digests over it.

An item's canonical form is one line of JSON: ASCII (everything else as \\u escapes), no spaces, the keys sorted:
`context` (list of [heading, text]), `gold`, `id`, `options` (list of [label, text]), `question`. All texts are as the
item has them: outer white space stripped, nothing else changed, options in the order of the prompt. An item's digest is
the SHA-256 of that line; a data set's digest is the SHA-256 of all lines, sorted by id, each ended by a line feed.
Groups and subgroups are not included, since they never reach a model.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable

from evalsuite.tasks.item import Item

SHORT = 10
"""Hexadecimal digits of an item's digest that the item lock stores: enough to name a changed item, not to pin it."""


def line(item: Item) -> bytes:
    """Return an item's canonical form, without the line feed."""
    content = {
        "context": item.context,
        "gold": item.gold,
        "id": item.id,
        "options": list(zip(item.labels, item.options, strict=True)),
        "question": item.question,
    }
    return json.dumps(content, sort_keys=True, separators=(",", ":")).encode("ascii")


def digest(items: Iterable[Item]) -> str:
    """Return the SHA-256 over the canonical lines, sorted by id."""
    total = hashlib.sha256()
    for item in sorted(items, key=lambda item: item.id):
        total.update(line(item) + b"\n")
    return total.hexdigest()


def short(item: Item) -> str:
    """Return the part of an item's digest that the item lock stores."""
    return hashlib.sha256(line(item)).hexdigest()[:SHORT]
