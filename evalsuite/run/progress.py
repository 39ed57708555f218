"""How a run goes, while it goes: a bar on a terminal, plain lines anywhere else; always on standard error."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

from evalsuite.grading.grade import Grade
from evalsuite.models.backend import Response
from evalsuite.run_folder import ResponseRecord
from evalsuite.util.text import visible

if TYPE_CHECKING:
    from rich.live import Live

LINE_EVERY: Final = 10.0
"""Seconds between two plain lines."""
BAR_EVERY: Final = 0.1
BAR_WIDTH: Final = 20


class PlainProgress:
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

    def graded(self, grade: Grade, record: ResponseRecord) -> None:
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
        self.say(f"{self.done}/{self.total} {self.pace(now)} · {self.verdict()}")

    def pace(self, now: float) -> str:
        """Rate, time left, tokens, and how many requests failed for good."""
        asked, spent = self.done - self.kept, max(now - self.began, 1e-9)
        left = clock((self.total - self.done) * spent / asked) if asked else "?"
        parts = [f"{asked / spent:.1f}/s", f"{left} left", f"{self.tokens:,} tokens ({self.tokens / spent:,.0f}/s)"]
        if self.errors:
            parts.append(f"{self.errors} failed")
        return " · ".join(parts)

    def verdict(self) -> str:
        """Accuracy so far with its interval, invalid and truncated shares."""
        from evalsuite.stats.intervals import wilson

        so_far = wilson(self.correct, self.done)
        return " · ".join(
            (
                f"accuracy {so_far.value:.1%} [{so_far.low:.1%}, {so_far.high:.1%}]",
                f"invalid {self.invalid / max(self.done, 1):.1%}",
                f"truncated {self.truncated / max(self.done, 1):.1%}",
            )
        )

    def say(self, line: str) -> None:
        """Print a line."""
        print(visible(line), file=sys.stderr, flush=True)

    def close(self) -> None:
        """Nothing is left to clear."""


class BarProgress(PlainProgress):
    """The same as a bar that stays at the bottom of a terminal: two lines, so that 80 columns hold them whole."""

    every = BAR_EVERY
    _live: Live

    def begin(self, folder: Path, total: int) -> None:
        """Draw the bar."""
        from rich.console import Console
        from rich.live import Live

        self._live = Live(console=Console(stderr=True), auto_refresh=False)
        self._live.start()
        super().begin(folder, total)

    def show(self, now: float) -> None:
        """Draw the state."""
        from rich.console import Group
        from rich.progress_bar import ProgressBar
        from rich.table import Table
        from rich.text import Text

        row = Table.grid(padding=(0, 1))
        row.add_row(
            ProgressBar(total=self.total, completed=self.done, width=BAR_WIDTH),
            Text(f"{self.done}/{self.total}", style="green", no_wrap=True),
            Text(self.pace(now), no_wrap=True, overflow="ellipsis"),
        )
        self._live.update(Group(row, Text(self.verdict(), no_wrap=True, overflow="ellipsis")), refresh=True)

    def say(self, line: str) -> None:
        """Print a line above the bar."""
        self._live.console.print(visible(line), markup=False, highlight=False, soft_wrap=True)

    def close(self) -> None:
        """Leave the last state standing."""
        if hasattr(self, "_live") and self._live.is_started:
            self.show(time.monotonic())
            self._live.stop()


def watch() -> PlainProgress:
    """The right one for where standard error goes."""
    return BarProgress() if sys.stderr.isatty() else PlainProgress()


def clock(seconds: float) -> str:
    """A time as 0:05, 12:30 or 1:02:03."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
