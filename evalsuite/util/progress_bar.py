"""A progress bar at the bottom of a terminal, with the state beside it and a line of numbers below."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from rich.console import Console, RenderableType
from rich.progress import BarColumn, Progress, TextColumn
from rich.text import Text

from evalsuite.util.text import visible

BAR_WIDTH: Final = 20
"""Columns of the bar itself, so that 80 columns hold it with its state."""


class ProgressBar(Progress):
    """One bar on standard error. It is drawn when `show` is called and not by a thread of its own."""

    def __init__(self, total: int | None = None) -> None:
        self._numbers = ""
        super().__init__(
            BarColumn(BAR_WIDTH),
            TextColumn("{task.fields[state]}", markup=False),
            console=Console(stderr=True),
            auto_refresh=False,
        )
        # rich draws an unknown total as a moving bar, which would need a thread: 1 draws an empty one.
        self._bar = self.add_task("", total=total or 1, state="")
        self.start()

    def show(self, completed: int, total: int | None, state: str, numbers: str) -> None:
        """Draw the bar with the text beside it and the line below it."""
        self._numbers = numbers
        self.update(self._bar, completed=completed if total else 0, total=total or 1, state=state, refresh=True)

    def print_line(self, line: str) -> None:
        """Print a line above the bar; control characters are spelt out."""
        self.console.print(visible(line), markup=False, highlight=False, soft_wrap=True)

    def get_renderables(self) -> Iterable[RenderableType]:
        """Return the bar with its state, and the line of numbers below it."""
        yield from super().get_renderables()
        yield Text(self._numbers, no_wrap=True, overflow="ellipsis")
