"""Where a graph comes from, and what was wrong with it."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Final, NamedTuple

from evalsuite.errors import DataError, ErrorCode

_MESSAGES_KEPT: Final = 100


class Source(NamedTuple):
    """One file: what it is, which release, its checksum, and the terms under which its content may be used."""

    name: str
    release: str
    file: str
    sha256: str
    licence: str
    attribution: str = ""


class Terms(NamedTuple):
    """The licence of a source, and the sentence that it wants to be repeated."""

    licence: str
    attribution: str = ""


UNSTATED: Final = Terms("not stated")


class Problems:
    """Collects what can't be read; without `skip_bad` the first one stops the reading.

    `counts`: the number by file; `messages`: the first hundred, each `FILE:LINE: reason`.
    """

    def __init__(self, skip_bad: bool = False) -> None:
        self.skip_bad = skip_bad
        self.counts: Counter[str] = Counter()
        self.messages: list[str] = []

    def add(self, path: Path, line: int, reason: str, code: ErrorCode = ErrorCode.DATA_MALFORMED) -> None:
        """Record a row or a frame that is left out. Raises `DataError` unless such are skipped."""
        message = f"{path}:{line}: {reason}"
        if not self.skip_bad:
            raise DataError(code, f"{message}; mend the file, or skip what can't be read (`skip_bad`)")
        self.counts[path.name] += 1
        if len(self.messages) < _MESSAGES_KEPT:
            self.messages.append(message)
