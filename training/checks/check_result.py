"""What a check gives: its numbers, and a sentence for each reason not to begin."""

from __future__ import annotations

from typing import Any, NamedTuple


class CheckResult(NamedTuple):
    """The outcome of one check."""

    facts: dict[str, Any]
    """Every number that was seen, also where all is well."""
    refusals: tuple[str, ...] = ()
    """Why the stage must not begin, each in one line with its numbers and the remedy."""
