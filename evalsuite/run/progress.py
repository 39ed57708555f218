"""Shows the progress of a run on standard error: a bar on a terminal, plain lines otherwise, or nothing."""

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
    from evalsuite.util.progress_bar import ProgressBar

LINE_EVERY: Final = 10.0
"""Seconds between two plain lines."""
BAR_EVERY: Final = 0.1
"""Seconds between two drawings of the bar."""
SHOWN_FAILURES: Final = 3
"""Failed requests whose message is shown; the others are only counted."""


class Pace:
    """Estimates how long the rest of a run takes, once a second batch of responses is there.

    The first batch says little: it waited for a model to warm up, or for the shortest of the many requests that left
    together. What arrives within half as long again as the first response took is that batch. The time since its last
    response is what the estimate is made from, whenever as many responses have arrived as came with the first one: amid
    a batch of a local model, whose responses come all at once, its time would be put down to the few that were counted.
    """

    def __init__(self, start: float) -> None:
        self._start = start
        self._first: float | None = None
        """When the first response arrived."""
        self._batch_end = start
        self._together = self._behind = 0
        """Responses that came with the first one, and those behind the first batch."""
        self._seconds_each: float | None = None

    def count(self, now: float) -> None:
        """Count a response that arrived at `now`, in seconds of the same clock as the start."""
        if self._first is None:
            self._first = now
        wait, since = self._first - self._start, now - self._first
        if since <= wait / 10:
            self._together += 1
        if since <= wait / 2:
            self._batch_end = now
            return
        self._behind += 1
        if self._behind % self._together == 0:
            self._seconds_each = (now - self._batch_end) / self._behind

    def seconds_for(self, responses: int, now: float) -> float | None:
        """Return the seconds that so many more responses take; None as long as that is unknown."""
        if not responses:
            return 0.0
        if self._seconds_each is None:
            return None
        # A server that has stopped answering takes at least as long as if its next batch arrived now.
        seconds_each = max(self._seconds_each, (now - self._batch_end) / (self._behind + self._together))
        # As long as a response is awaited, no time at all would be wrong.
        return max(1.0, responses * seconds_each)


class SilentProgress:
    """Shows nothing; it remembers where the run is and its first failures."""

    def __init__(self) -> None:
        self.folder: Path | None = None
        self.failures: list[Response] = []

    def begin(self, folder: Path, total: int) -> None:
        """Remember where the run is."""
        self.folder = folder

    def lost(self, journal: Path, lines: int) -> None:
        """Print it although nothing else is shown: responses that were there are gone."""
        self.print_line(f"{journal}: {lines} lines are gone since the run last stopped; requesting them again")

    def sending(self) -> None:
        """Nothing is shown."""

    def graded(self, grade: Grade, record: ResponseRecord) -> None:
        """Nothing is shown."""

    def failed(self, response: Response) -> None:
        """Remember the first failures."""
        if len(self.failures) < SHOWN_FAILURES:
            self.failures.append(response)

    def note(self, text: str) -> None:
        """Nothing is shown: the summary has the notes."""

    def print_line(self, line: str) -> None:
        """Print a line."""
        print(visible(line), file=sys.stderr, flush=True)

    def close(self) -> None:
        """Nothing is left to clear."""


class PlainProgress(SilentProgress):
    """Counts what happens and prints it as a line from time to time."""

    interval = LINE_EVERY

    def __init__(self) -> None:
        super().__init__()
        self.total = self.done = self.stored = self.errors = 0
        self.correct = self.invalid = self.truncated = self.tokens = 0
        self.start = self.last_shown = time.monotonic()
        self.pace = Pace(self.start)

    def begin(self, folder: Path, total: int) -> None:
        """Print where the run is."""
        super().begin(folder, total)
        self.total = total
        self.print_line(f"run folder {folder}")

    def sending(self) -> None:
        """Start the clocks; responses that are stored already count for the accuracy and not for the rate."""
        self.stored = self.done
        self.start = self.last_shown = time.monotonic()
        self.pace = Pace(self.start)
        self.tokens = 0
        if self.stored:
            missing = self.total - self.stored
            self.print_line(f"{self.stored} of {self.total} responses are on disk; requesting the other {missing}")

    def graded(self, grade: Grade, record: ResponseRecord) -> None:
        """Count a response."""
        self.done += 1
        self.correct += grade.strict.correct
        self.invalid += grade.strict.status != "ok"
        self.truncated += grade.strict.status == "truncated"
        self.tokens += record.output_tokens or 0
        self.pace.count(time.monotonic())
        self._show_if_due()

    def failed(self, response: Response) -> None:
        """Count a failed request and print the first few."""
        super().failed(response)
        self.errors += 1
        self.pace.count(time.monotonic())
        if self.errors <= SHOWN_FAILURES:
            self.print_line(f"{response.request.task} {response.request.item.id}: no response: {response.error}")
        self._show_if_due()

    def note(self, text: str) -> None:
        """Print what a reader of the results must know."""
        self.print_line(f"note: {text}")

    def _show_if_due(self) -> None:
        now = time.monotonic()
        if now - self.last_shown >= self.interval:
            self.last_shown = now
            self.show(now)

    def show(self, now: float) -> None:
        """Print the state."""
        self.print_line(f"{self.done}/{self.total} {self.rate(now)} · {self.accuracy()}")

    def rate(self, now: float) -> str:
        """Return responses per second, time left, tokens, and how many requests failed for good."""
        new, elapsed = self.done - self.stored, max(now - self.start, 1e-9)
        seconds = self.pace.seconds_for(self.total - self.done - self.errors, now)
        left = "?" if seconds is None else clock(seconds)
        parts = [f"{new / elapsed:.1f}/s", f"{left} left", f"{self.tokens:,} tokens ({self.tokens / elapsed:,.0f}/s)"]
        if self.errors:
            parts.append(f"{self.errors} failed")
        return " · ".join(parts)

    def accuracy(self) -> str:
        """Return the accuracy so far with its interval, and the shares of invalid and truncated responses."""
        from evalsuite.stats.intervals import wilson

        if not self.done:
            return "no response yet"
        so_far = wilson(self.correct, self.done)
        return " · ".join(
            (
                f"accuracy {so_far.value:.1%} [{so_far.low:.1%}, {so_far.high:.1%}]",
                f"invalid {self.invalid / self.done:.1%}",
                f"truncated {self.truncated / self.done:.1%}",
            )
        )


class BarProgress(PlainProgress):
    """The same as a bar that stays at the bottom of a terminal: two lines that fit into 80 columns."""

    interval = BAR_EVERY
    _bar: ProgressBar

    def begin(self, folder: Path, total: int) -> None:
        """Draw the bar."""
        from evalsuite.util.progress_bar import ProgressBar

        self._bar = ProgressBar(total)
        super().begin(folder, total)

    def show(self, now: float) -> None:
        """Draw the state."""
        self._bar.show(self.done, self.total, f"{self.done}/{self.total} {self.rate(now)}", self.accuracy())

    def print_line(self, line: str) -> None:
        """Print a line above the bar, where there is one yet."""
        if hasattr(self, "_bar"):
            self._bar.print_line(line)
        else:
            super().print_line(line)

    def close(self) -> None:
        """Leave the last state on the screen."""
        if hasattr(self, "_bar") and self._bar.live.is_started:
            self.show(time.monotonic())
            self._bar.stop()


def listener_for(progress: bool | None) -> SilentProgress:
    """Return a bar on a terminal, otherwise plain lines if `progress` is True and silence if None; False is silence."""
    if progress is not False and sys.stderr.isatty():
        return BarProgress()
    return PlainProgress() if progress else SilentProgress()


def clock(seconds: float) -> str:
    """Return a duration as 0:05, 12:30 or 1:02:03."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
