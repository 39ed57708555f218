"""The one way to run: loads the data, makes the backend, runs the loop and writes the summary.

The command line and `evalsuite.evaluate` both make a `RunRequest` and execute it here, so that resuming, the choice of
the folder and the summary are the same for both.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Final

from evalsuite.data.load import load
from evalsuite.models import make_backend
from evalsuite.models.backend import Backend
from evalsuite.run.folder_choice import FolderChoice, named_folder, new_or_unfinished
from evalsuite.run.identity import Identity
from evalsuite.run.request_loop import ProgressListener, RunOutcome, run
from evalsuite.run.spec import RunSpec
from evalsuite.run.stored_tasks import dataset_of_run
from evalsuite.run_folder import RunFolder
from evalsuite.tasks.item import Dataset
from evalsuite.tasks.registry import load_task

if TYPE_CHECKING:
    from evalsuite.run.summary import GradedRun

RUNS: Final = Path("runs")
"""Folder below which runs are written unless `out` names another."""
_HEAD_START: Final = 0.05
"""Seconds in which the first requests go out undisturbed by imports."""
_NEEDED_AT_END: Final = ("evalsuite.run.summary", "scipy.special")


@dataclass(frozen=True)
class RunRequest:
    """One run that is about to start, or to be resumed."""

    spec: RunSpec
    choose_folder: FolderChoice
    datasets: Mapping[str, Dataset] = field(default_factory=dict)
    """Tasks whose items are given; those of the others are loaded by the task's name."""
    backend: Callable[[], Backend] | None = None
    """Constructs the backend; None: the one that is registered under the spec's prefix."""
    absent: tuple[str, ...] = ()
    """One line for each task of a suite that is left out, as its data is not there."""
    stored_in: RunFolder | None = None
    """The folder that is resumed: it may hold tasks that no name finds."""

    def load_datasets(self) -> list[Dataset]:
        """Load the items of every task, in the order of the spec."""
        return [self._load(name) for name in self.spec.tasks]

    def make_backend(self) -> Backend:
        """Construct the backend."""
        return self.backend() if self.backend else make_backend(self.spec.backend, self.spec.settings)

    def _load(self, name: str) -> Dataset:
        if name in self.datasets:
            return self.datasets[name]
        if self.stored_in is not None:
            return dataset_of_run(self.stored_in, name, self.spec.data_folder)
        return load(load_task(name).with_arguments(self.spec.task_args.get(name, {})), self.spec.data_folder)


@dataclass(frozen=True, slots=True)
class CompletedRun:
    """A run that went to its end, with its summary; some requests may have no response."""

    outcome: RunOutcome
    graded: GradedRun


def folder_choice(spec: RunSpec, out: Path | None) -> FolderChoice:
    """Return how a new run chooses its folder: `out`, or else below `runs/`, where an unfinished equal run goes on."""
    return partial(named_folder, out) if out is not None else partial(new_or_unfinished, RUNS, spec.model)


async def execute(request: RunRequest, listener: ProgressListener, preload: Sequence[str] = ()) -> CompletedRun:
    """Run a request to its end and summarise it; `preload` are modules that the caller needs then."""
    datasets = request.load_datasets()
    backend = request.make_backend()

    def choose_folder(identity: Identity) -> RunFolder:
        folder = request.choose_folder(identity)
        _preload_later((*_NEEDED_AT_END, *preload))
        return folder

    outcome = await run(request.spec, backend, datasets, choose_folder, listener)
    from evalsuite.run.summary import summarise

    # In a thread, since grading takes seconds for large runs and the event loop may be the caller's.
    return CompletedRun(
        outcome, await asyncio.to_thread(summarise, outcome.folder, outcome.prepared_tasks, outcome.grades)
    )


def _preload_later(modules: Sequence[str]) -> None:
    """Import what the end of a run needs while the first responses are awaited: a third of a second for free."""

    def load_modules() -> None:
        for module in modules:
            import_module(module)

    timer = threading.Timer(_HEAD_START, load_modules)
    timer.daemon = True
    timer.start()
