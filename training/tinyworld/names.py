"""Invented names: no entity of the world is a real disease, drug or organism, so that no false statement is shipped."""

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
"""Kind of entity -> how its names end."""


def make_names(counts: Mapping[str, int], seed: int) -> dict[str, tuple[str, ...]]:
    """Make `counts[kind]` names of each kind: two syllables, never the same two, and the kind's ending."""
    stems = ["".join(pair) for pair in product(_SYLLABLES, repeat=2)]
    random.Random(f"{seed}/names").shuffle(stems)
    taken = iter(stems)
    return {kind: tuple(next(taken) + SUFFIXES[kind] for _ in range(count)) for kind, count in counts.items()}
