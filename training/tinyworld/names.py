"""Invented names, so that no entity of the world is a real disease, drug or organism."""

from __future__ import annotations

import random
from collections.abc import Mapping
from itertools import product
from typing import Final

_SYLLABLES: Final = tuple("".join(pair) for pair in product("bdfgklmnprstvz", "aeiou"))
SUFFIXES: Final[Mapping[str, str]] = {
    "finding": "ralgia",
    "disease": "vosis",
    "agent": "virex",
    "vector": "dipter",
    "measure": "nicide",
    "organ": "thymum",
    "complication": "clasis",
    "procedure": "scopex",
    "test": "metrix",
    "drug": "dorin",
    "receptor": "ligin",
    "effect": "tremia",
    "antidote": "batel",
}
"""The suffix of all names of a kind of entity."""


def make_names(counts: Mapping[str, int], seed: int) -> dict[str, tuple[str, ...]]:
    """Return `counts[kind]` names of each kind: two syllables, never the same two again, and the kind's suffix."""
    stems = ["".join(pair) for pair in product(_SYLLABLES, repeat=2)]
    random.Random(f"{seed}/names").shuffle(stems)
    unused = iter(stems)
    return {kind: tuple(next(unused) + SUFFIXES[kind] for _ in range(count)) for kind, count in counts.items()}
