"""The journal of reviewers' decisions: append-only, one line each, on disk before the reviewer sees it as saved.

Several processes may append to it. A line that a kill cut short is removed by the next one to append. What a reviewer
decided last about an item is that reviewer's decision; a withdrawal takes it back.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import filelock
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from evalsuite.errors import DataError, ErrorCode
from evalsuite.util.jsonl import JsonLineError, dump_json_line, read_jsonl
from evalsuite.util.regular_file import cut_behind_last_line, open_for_appending
from evalsuite.util.validation import first_problem

DECISIONS: Final = "decisions.jsonl"
_LOCK: Final = ".decisions.lock"
_WAIT: Final = 10.0
"""Seconds that one reviewer's process waits for another's to finish writing a line."""
Verdict = Literal["accept", "fix", "reject", "withdraw"]
ShortText = Annotated[str, Field(max_length=10_000)]


class Decision(BaseModel):
    """What one reviewer decided about one item."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, str_strip_whitespace=True)

    item: Annotated[str, Field(min_length=1, max_length=200)]
    digest: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
    """Of the row of review.jsonl that the reviewer saw."""
    verdict: Verdict
    reviewer: Annotated[str, Field(min_length=1, max_length=100)]
    reason: ShortText = ""
    fixed: dict[str, Any] | None = None
    """The corrected item in the native layout; only of a fix."""
    at: str = ""
    """When, in UTC."""

    @model_validator(mode="after")
    def _check(self) -> Decision:
        if self.verdict in ("fix", "reject") and not self.reason:
            raise ValueError(f"a {self.verdict} needs a reason")
        if (self.fixed is not None) != (self.verdict == "fix"):
            raise ValueError("a fix, and nothing else, has a corrected item")
        if not self.reviewer.isprintable():
            raise ValueError("a reviewer's name is one line of text")
        return self


class DecisionJournal:
    """The decisions in a folder of refined questions."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / DECISIONS
        self._lock = filelock.FileLock(folder / _LOCK, timeout=_WAIT)

    def append(self, decision: Decision) -> None:
        """Write a decision and wait until it is on the disk; what prevents that is a `DataError`."""
        line = dump_json_line(decision.model_dump(mode="json", exclude_defaults=True))
        try:
            with self._lock:
                file = open_for_appending(self.path)
                try:
                    cut_behind_last_line(file)
                    _write_all(file, line)
                    os.fsync(file)
                finally:
                    os.close(file)
        except (OSError, filelock.Timeout) as error:
            reason = getattr(error, "strerror", None) or error
            raise DataError(ErrorCode.OUTPUT_NOT_WRITABLE, f"{self.path}: can't be written: {reason}") from None

    def read(self) -> Iterator[Decision]:
        """Yield all decisions in the order in which they were made; an incomplete last line is skipped.

        Any other line that is no decision is a `DataError` that names it.
        """
        if not self.path.exists():
            return
        try:
            with self.path.open("rb") as lines:
                for line in read_jsonl(lines, skip_incomplete=True):
                    yield _decision(self.path, line.number, line.value)
        except JsonLineError as error:
            raise DataError(ErrorCode.DATA_MALFORMED, f"{self.path}: {error}; correct or delete the line") from None
        except OSError as error:
            raise DataError(ErrorCode.DATA_UNREADABLE, f"{self.path}: {error.strerror or error}") from None

    def current(self) -> dict[str, dict[str, Decision]]:
        """Return the decision of each reviewer by item and reviewer, without those that were withdrawn."""
        found: dict[str, dict[str, Decision]] = defaultdict(dict)
        for decision in self.read():
            if decision.verdict == "withdraw":
                found[decision.item].pop(decision.reviewer, None)
            else:
                found[decision.item][decision.reviewer] = decision
        return {item: decisions for item, decisions in found.items() if decisions}


def agreed(decisions: Mapping[str, Decision]) -> Decision | None:
    """Return the decision that holds: the one that all reviewers of an item share; None where they differ."""
    first = next(iter(decisions.values()), None)
    if first is None or any((d.verdict, d.fixed) != (first.verdict, first.fixed) for d in decisions.values()):
        return None
    return first


def _decision(path: Path, number: int, value: Any) -> Decision:
    try:
        return Decision.model_validate(value)
    except ValidationError as error:
        message = f"{path}:{number}: {first_problem(error, 'decision')}; correct or delete the line"
        raise DataError(ErrorCode.DATA_MALFORMED, message) from None


def _write_all(file: int, content: bytes) -> None:
    while content:
        content = content[os.write(file, content) :]
