"""What a trace states of numbers, and whether it is right."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple


class Judgement(StrEnum):
    """Whether a statement about numbers holds."""

    RIGHT = "right"
    WRONG = "wrong"
    NOT_CHECKABLE = "not_checkable"
    """Something isn't readable, or isn't there; never a reason to discard a trace."""


class Statement(NamedTuple):
    """One statement of a trace."""

    judgement: Judgement
    text: str
    """The place in the trace, and for a wrong one what it should be."""
    unlike_units: bool = False
    """Whether it adds quantities of different kinds, or of one kind in different units as if they were the same."""
