"""The canonical form of items, its digests, and the lock file that keeps them.

An item's canonical form is one line of JSON: ASCII (everything else as \\u escapes), no spaces, the keys sorted:
`context` (list of [heading, text]), `gold`, `id`, `options` (list of [label, text]), `question`. All texts as the
item carries them: outer white space stripped, nothing else changed, options in the order they are asked in. An
item's digest is the sha256 of that line; a data set's is the sha256 of all lines, sorted by id, each ended by a
newline. Groups and subgroups are not part of it: they never reach a model.

`items.lock`, beside a card, holds for each known file a section: `[path:layout] digest`, then a line an item: the first
ten hexadecimal digits of its digest, a space, its id. So a changed byte can be named by item.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable

from evalsuite.tasks.item import Item

SHORT = 10


def line(item: Item) -> bytes:
    """Return an item's canonical form, without the newline."""
    facts = {
        "context": item.context,
        "gold": item.gold,
        "id": item.id,
        "options": list(zip(item.labels, item.options, strict=True)),
        "question": item.question,
    }
    return json.dumps(facts, sort_keys=True, separators=(",", ":")).encode("ascii")


def digest(items: Iterable[Item]) -> str:
    """Return the sha256 over the canonical lines, sorted by id."""
    whole = hashlib.sha256()
    for item in sorted(items, key=lambda item: item.id):
        whole.update(line(item) + b"\n")
    return whole.hexdigest()


def short(item: Item) -> str:
    """Return the part of an item's digest that the lock file keeps."""
    return hashlib.sha256(line(item)).hexdigest()[:SHORT]
