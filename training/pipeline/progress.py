"""Shows the progress of a stage while its process trains it: a bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

import contextlib
import sys
import threading
from collections.abc import Iterator, Sequence
from itertools import pairwise
from statistics import fmean, median
from typing import Final

from evalsuite.run.progress import LINE_EVERY, clock
from evalsuite.util.text import visible
from training.run_folder import Metrics, StageFolder

RECENT_STEPS: Final = 10
"""Steps that a shown number is the mean of."""
_NUMBERS: Final = (
    ("loss", "loss", "{:.3f}"),
    ("reward", "reward", "{:.3f}"),
    ("clipped", "truncated", "{:.0%}"),
    ("kl", "KL", "{:.3f}"),
    ("eval_loss", "held-out loss", "{:.3f}"),
)
"""Keys of the metrics with their names and formats, in the order in which they are shown."""


class PlainTrainingProgress:
    """Prints the step of a stage and its numbers in a line now and then."""

    every = LINE_EVERY

    def __init__(self, folder: StageFolder) -> None:
        self._folder = folder
        self._printed_step = 0

    def show(self) -> None:
        """Print the state if there is a new step."""
        lines, total = self._folder.recent_metrics(), self.total
        if lines and lines[-1]["step"] != self._printed_step:
            self._printed_step = lines[-1]["step"]
            state = f"{speed(lines, total)} · {numbers(lines)}"
            print(f"{visible(self._folder.path.name)}: {state}", file=sys.stderr, flush=True)

    def close(self) -> None:
        """Print the last state."""
        self.show()

    @property
    def total(self) -> int | None:
        """Number of steps of the stage, once its trainer has computed it."""
        steps = self._folder.read("stage.json").get("max_steps")
        return steps if isinstance(steps, int) else None


class TrainingProgressBar(PlainTrainingProgress):
    """Shows the same as a bar at the bottom of a terminal, with the numbers in a line below it."""

    every = 0.5

    def __init__(self, folder: StageFolder) -> None:
        from evalsuite.util.progress_bar import ProgressBar

        super().__init__(folder)
        self._bar = ProgressBar()

    def show(self) -> None:
        """Draw the state."""
        lines, total = self._folder.recent_metrics(), self.total
        if lines:
            self._bar.show(lines[-1]["step"], total, speed(lines, total), numbers(lines))

    def close(self) -> None:
        """Draw the last state and leave it on the terminal."""
        self.show()
        self._bar.stop()


@contextlib.contextmanager
def watch(folder: StageFolder) -> Iterator[None]:
    """Show the progress of a stage on standard error until the block ends."""
    progress = TrainingProgressBar(folder) if sys.stderr.isatty() else PlainTrainingProgress(folder)
    ended = threading.Event()

    def show_regularly() -> None:
        while not ended.wait(progress.every):
            progress.show()

    # A thread, since the caller only waits for the stage's process.
    watcher = threading.Thread(target=show_regularly, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        ended.set()
        watcher.join()
        progress.close()


def speed(lines: Sequence[Metrics], total: int | None) -> str:
    """Return the step, the time per step and the time left, such as `step 3/45 · 2.0 s per step · 1:24 left`.

    The time per step is a median, because a stage may have been resumed: one difference is then a pause.
    """
    step = lines[-1]["step"]
    parts = [f"step {step}" if total is None else f"step {step}/{total}"]
    # An evaluation logs a second line for its step; it is no step of its own.
    durations = [(b["time"] - a["time"]) / (b["step"] - a["step"]) for a, b in pairwise(lines) if b["step"] > a["step"]]
    if durations:
        seconds = median(durations[-RECENT_STEPS:])
        parts.append(f"{seconds:.1f} s per step")
        parts += [] if total is None else [f"{clock(seconds * (total - step))} left"]
    return " · ".join(parts)


def numbers(lines: Sequence[Metrics]) -> str:
    """Return the numbers that the stage logs, each as the mean of the last steps that have it."""
    parts = [f"{name} {form.format(value)}" for key, name, form in _NUMBERS if (value := _mean(lines, key)) is not None]
    # Shares of zero-variance groups. The names are short because the whole line has to fit into 80 columns.
    for key, name in (("groups_all_0", "all 0"), ("groups_all_1", "all 1")):
        if (share := _mean(lines, key)) is not None:
            parts.append(f"{name}: {share:.0%}")
    return " · ".join(parts)


def _mean(lines: Sequence[Metrics], key: str) -> float | None:
    values = [line[key] for line in lines if isinstance(line.get(key), int | float)]
    return fmean(values[-RECENT_STEPS:]) if values else None
