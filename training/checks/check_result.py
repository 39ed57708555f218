"""The outcome of one check: its numbers, and the reasons why a stage must not begin."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

REPORT: Final = "preflight.json"
"""The file of all checks of a stage, in its folder."""


class CheckResult(NamedTuple):
    """One check's outcome."""

    facts: dict[str, Any]
    """Every number that was measured, also where the check passes; written to preflight.json."""
    refusals: tuple[str, ...] = ()
    """The reasons why the stage must not begin, each in one line with its numbers and the remedy."""
