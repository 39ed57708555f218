"""How a run goes, while it goes: a bar on a terminal, plain lines anywhere else; always on standard error."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

from evalsuite.grade import Grade
from evalsuite.journal import Record
from evalsuite.models.backend import Response

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

LINE_EVERY: Final = 10.0
"""Seconds between two plain lines."""
BAR_EVERY: Final = 0.1


class Lines:
    """Counts what happens and says it in a line now and then."""

    every = LINE_EVERY

    def __init__(self) -> None:
        self.total = self.done = self.kept = self.errors = 0
        self.correct = self.invalid = self.truncated = self.tokens = 0
        self.began = self.said = time.monotonic()

    def begin(self, folder: Path, total: int) -> None:
        """Say where the run is."""
        self.total = total
        self.say(f"run folder {folder}")

    def asking(self) -> None:
        """Start the clocks; what was on disk already counts for the accuracy and not for the rate."""
        self.kept = self.done
        self.began = self.said = time.monotonic()
        self.tokens = 0
        if self.kept:
            self.say(
                f"{self.kept} of {self.total} responses are on disk; asking for the other {self.total - self.kept}"
            )

    def graded(self, grade: Grade, record: Record) -> None:
        """Count a response."""
        self.done += 1
        self.correct += grade.strict.correct
        self.invalid += grade.strict.status != "ok"
        self.truncated += grade.strict.status == "truncated"
        self.tokens += record.output_tokens or 0
        self._maybe_show()

    def failed(self, response: Response) -> None:
        """Say that a request failed for good, the first few times."""
        self.errors += 1
        if self.errors <= 3:
            self.say(f"{response.request.task} {response.request.item.id}: no response: {response.error}")
        self._maybe_show()

    def _maybe_show(self) -> None:
        now = time.monotonic()
        if now - self.said >= self.every:
            self.said = now
            self.show(now)

    def show(self, now: float) -> None:
        """Print the state."""
        self.say(f"{self.done}/{self.total} {self.state(now)}")

    def state(self, now: float) -> str:
        """Rate, accuracy so far with its interval, invalid and truncated shares, tokens, time left."""
        from evalsuite.stats.estimate import wilson

        asked, spent = self.done - self.kept, max(now - self.began, 1e-9)
        so_far = wilson(self.correct, self.done)
        left = (self.total - self.done) * spent / asked if asked else 0.0
        parts = [
            f"{asked / spent:.1f}/s",
            f"accuracy {so_far.value:.1%} [{so_far.low:.1%}, {so_far.high:.1%}]",
            f"invalid {self.invalid / max(self.done, 1):.1%}",
            f"truncated {self.truncated / max(self.done, 1):.1%}",
            f"{self.tokens:,} tokens ({self.tokens / spent:,.0f}/s)",
            f"{_clock(left)} left",
        ]
        if self.errors:
            parts.append(f"{self.errors} failed")
        return " · ".join(parts)

    def say(self, line: str) -> None:
        """Print a line."""
        print(line, file=sys.stderr, flush=True)

    def close(self) -> None:
        """Nothing is left to clear."""


class Bar(Lines):
    """The same as a bar that stays at the bottom of a terminal."""

    every = BAR_EVERY
    _bar: Progress
    _task: TaskID

    def begin(self, folder: Path, total: int) -> None:
        """Draw the bar."""
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

        columns = (BarColumn(bar_width=24), MofNCompleteColumn(), TextColumn("{task.description}", markup=False))
        self._bar = Progress(*columns, console=Console(stderr=True), auto_refresh=False)
        self._task = self._bar.add_task("", total=total)
        self._bar.start()
        super().begin(folder, total)

    def show(self, now: float) -> None:
        """Draw the state."""
        self._bar.update(self._task, completed=self.done, description=self.state(now), refresh=True)

    def say(self, line: str) -> None:
        """Print a line above the bar."""
        self._bar.console.print(line, markup=False, highlight=False)

    def close(self) -> None:
        """Leave the last state standing."""
        if hasattr(self, "_bar"):
            self.show(time.monotonic())
            self._bar.stop()


def watch() -> Lines:
    """The right one for where standard error goes."""
    return Bar() if sys.stderr.isatty() else Lines()


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
