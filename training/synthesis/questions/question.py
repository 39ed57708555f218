"""A question with its options, and the proof of each."""

from __future__ import annotations

from enum import StrEnum
from typing import Final, NamedTuple

OPTIONS: Final = 5
DISTRACTORS: Final = OPTIONS - 1


class Refutation(StrEnum):
    """Why a distractor is wrong."""

    EXCLUDED = "excluded"
    """A row denies the distractor what the question states, or the disease what the distractor is."""
    DISCRIMINATING = "discriminating"
    """The answer often has at least two things that the question states and of which nothing is known here."""
    PRESENT = "present"
    """A row states what the question asks to be absent."""
    LESS_FREQUENT = "less_frequent"
    """A row states a frequency below that of the answer."""
    OTHER_VALUE = "other_value"
    """A row states another value of what has one only, such as the code of a disease."""


class Refuted(NamedTuple):
    """A distractor, the kind of its refutation and the numbers of the edges that it rests on."""

    node: int
    kind: Refutation
    edges: tuple[int, ...]


class Question(NamedTuple):
    """A question before it is written out. Numbers are those of nodes and edges of one graph."""

    shape: str
    stem: str
    answer: int
    distractors: tuple[Refuted, ...]
    stated: tuple[int, ...]
    """Edges that the stem states."""
    hidden: tuple[int, ...]
    """Edges that lead from what is stated to the answer."""
    subject: int
    """The node that the question is about; questions about one subject are not independent."""
    hops: int
    closeness: float
    """The largest share of what the stem states that holds for a distractor, too."""
