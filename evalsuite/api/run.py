"""A finished run as Python objects: accuracies, samples, failures and a data frame."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from types import MappingProxyType

from evalsuite.analysis.run_result import RunResult, read_result
from evalsuite.stats.intervals import Estimate


class Run:
    """One finished run: everything is read from its folder, and nothing is computed again."""

    def __init__(self, result: RunResult) -> None:
        self.result = result

    @property
    def path(self) -> Path:
        """The run folder."""
        return self.result.path

    @property
    def model(self) -> str:
        """The model's name, `backend/name`."""
        return self.result.model

    @cached_property
    def accuracy(self) -> Mapping[str, Estimate]:
        """Strict accuracy of each task, with its 95% interval; fractions."""
        return self._accuracies("accuracy")

    def _accuracies(self, key: str) -> Mapping[str, Estimate]:
        return MappingProxyType({name: getattr(task, key) for name, task in self.result.tasks.items()})

    def __repr__(self) -> str:
        return f"Run({self.model!r}, {', '.join(self.accuracy)})"


def read_run(path: str | Path) -> Run:
    """Read a finished run from its folder, or from the summary.json in it."""
    return Run(read_result(Path(path)))
