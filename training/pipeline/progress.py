"""How a stage goes, while its own process trains it: a bar on a terminal, plain lines anywhere else."""

from __future__ import annotations

import contextlib
import json
import sys
import threading
from collections.abc import Iterator, Sequence
from itertools import pairwise
from statistics import fmean, median
from typing import TYPE_CHECKING, Any, Final

from evalsuite.run.progress import BAR_WIDTH, LINE_EVERY, clock
from evalsuite.util.text import visible
from training.run_folder import StageFolder

if TYPE_CHECKING:
    from rich.live import Live

RECENT: Final = 10
"""Steps that a shown number is the mean of."""
_TAIL: Final = 1 << 16
"""Bytes at the end of the metrics that are looked at."""
_NUMBERS: Final = (
    ("loss", "loss", "{:.3f}"),
    ("reward", "reward", "{:.3f}"),
    ("clipped", "clipped", "{:.0%}"),
    ("kl", "KL", "{:.3f}"),
    ("eval_loss", "held out", "{:.3f}"),
)
Metrics = dict[str, Any]


class PlainTrainingProgress:
    """Says how far a stage is, and its numbers, in a line now and then."""

    every = LINE_EVERY

    def __init__(self, folder: StageFolder) -> None:
        self._folder = folder
        self._said = 0

    def show(self) -> None:
        """Print the state, where there is a new step."""
        seen, total = recent(self._folder), self.total
        if seen and seen[-1]["step"] != self._said:
            self._said = seen[-1]["step"]
            print(
                f"{visible(self._folder.path.name)}: {pace(seen, total)} · {numbers(seen)}", file=sys.stderr, flush=True
            )

    def close(self) -> None:
        """Print the last state."""
        self.show()

    @property
    def total(self) -> int | None:
        """Steps of the stage, once its trainer has reckoned them."""
        steps = self._folder.read("stage.json").get("max_steps")
        return steps if isinstance(steps, int) else None


class TrainingProgressBar(PlainTrainingProgress):
    """The same as a bar at the bottom of a terminal, its numbers in a line below."""

    every = 0.5

    def __init__(self, folder: StageFolder) -> None:
        from rich.console import Console
        from rich.live import Live

        super().__init__(folder)
        self._live: Live = Live(console=Console(stderr=True), auto_refresh=False)
        self._live.start()

    def show(self) -> None:
        """Draw the state."""
        from rich.console import Group
        from rich.progress_bar import ProgressBar
        from rich.table import Table
        from rich.text import Text

        seen, total = recent(self._folder), self.total
        if not seen:
            return
        row = Table.grid(padding=(0, 1))
        bar = ProgressBar(total=total or 1, completed=seen[-1]["step"] if total else 0, width=BAR_WIDTH)
        row.add_row(bar, Text(pace(seen, total), no_wrap=True, overflow="ellipsis"))
        self._live.update(Group(row, Text(numbers(seen), no_wrap=True, overflow="ellipsis")), refresh=True)

    def close(self) -> None:
        """Leave the last state standing."""
        self.show()
        self._live.stop()


@contextlib.contextmanager
def watch(folder: StageFolder) -> Iterator[None]:
    """Show how a stage goes on standard error until the block ends."""
    view = TrainingProgressBar(folder) if sys.stderr.isatty() else PlainTrainingProgress(folder)
    ended = threading.Event()

    def look() -> None:
        while not ended.wait(view.every):
            view.show()

    watcher = threading.Thread(target=look, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        ended.set()
        watcher.join()
        view.close()


def recent(folder: StageFolder) -> list[Metrics]:
    """The last logged steps, without a line that is being written."""
    try:
        with folder.metrics.open("rb") as stream:
            stream.seek(max(0, folder.metrics.stat().st_size - _TAIL))
            return [line for line in map(_parsed, stream.read().split(b"\n")) if line is not None]
    except OSError:
        return []


def _parsed(line: bytes) -> Metrics | None:
    try:
        found = json.loads(line)
    except ValueError:
        return None
    return found if isinstance(found, dict) and {"step", "time"} <= found.keys() else None


def pace(seen: Sequence[Metrics], total: int | None) -> str:
    """How far, how fast, and how long still, by the median time of the last steps: a stage may have been resumed."""
    step, parts = seen[-1]["step"], []
    spent = [(b["time"] - a["time"]) / (b["step"] - a["step"]) for a, b in pairwise(seen) if b["step"] > a["step"]]
    parts.append(f"step {step}" if total is None else f"step {step}/{total}")
    if spent:
        each = median(spent[-RECENT:])
        parts.append(f"{each:.1f} s a step")
        parts += [] if total is None else [f"{clock(each * (total - step))} left"]
    return " · ".join(parts)


def numbers(seen: Sequence[Metrics]) -> str:
    """The numbers that the stage has, each as the mean of the last steps that have it; dead groups by their reward."""
    parts = [f"{name} {form.format(value)}" for key, name, form in _NUMBERS if (value := _mean(seen, key)) is not None]
    zero, one = _mean(seen, "dead_zero"), _mean(seen, "dead_one")
    if zero is not None and one is not None:
        parts.append(f"dead {zero + one:.0%} (0: {zero:.0%}, 1: {one:.0%})")
    return " · ".join(parts)


def _mean(seen: Sequence[Metrics], key: str) -> float | None:
    values = [line[key] for line in seen if isinstance(line.get(key), int | float)]
    return fmean(values[-RECENT:]) if values else None
