"""How long imported evaluations took, by the time stamps of their logs."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Final

_LONGEST: Final = timedelta(days=30)
"""A longer time is a wrong time stamp, or a log that was written anew long after its evaluation."""


def wall_seconds(stamps: Iterable[tuple[str, str]]) -> float | None:
    """Return the seconds in which any of the evaluations ran, from their (start, end) as ISO 8601 texts.

    Evaluations that ran at the same time count once. None if a stamp is missing or can't be right.
    """
    spans = [_span(*pair) for pair in stamps]
    known = sorted(span for span in spans if span is not None)
    if not known or len(known) < len(spans):
        return None
    total, (start, end) = timedelta(), known[0]
    for next_start, next_end in known[1:]:
        if next_start > end:
            total, start = total + (end - start), next_start
        end = max(end, next_end)
    return (total + (end - start)).total_seconds()


def _span(start: str, end: str) -> tuple[datetime, datetime] | None:
    try:
        first, last = (datetime.fromisoformat(stamp) for stamp in (start, end))
    except ValueError:
        return None
    # A stamp without a time zone is taken to be in UTC, which is what harnesses mean by it.
    first, last = (stamp if stamp.tzinfo else stamp.replace(tzinfo=UTC) for stamp in (first, last))
    return (first, last) if first <= last <= first + _LONGEST else None
