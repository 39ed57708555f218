"""The run loop: from a plan to a run folder, asking only for what is missing."""

from __future__ import annotations

import asyncio
import importlib.metadata
import platform
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

import evalsuite
from evalsuite import parser
from evalsuite.data.load import load
from evalsuite.errors import EvalsuiteError, RunError
from evalsuite.grading.grade import Grade
from evalsuite.models import make_backend
from evalsuite.models.backend import Backend, Request, Response
from evalsuite.run.identity import digest, request_digest, request_seed, run_identity
from evalsuite.run.prepared import PreparedTask, prepare_task
from evalsuite.run.spec import RunSpec
from evalsuite.run_folder import SCHEMA, ResponseRecord, RunFolder, RunWriter, disk_error
from evalsuite.tasks.item import Item
from evalsuite.tasks.registry import load_task
from evalsuite.tasks.rotation import rotated
from evalsuite.util.atomic_write import is_partial_of

_RECORDED_PACKAGES = ("httptools", "inspect-ai", "numpy", "torch", "transformers", "vllm")
Key = tuple[str, str, int, int]
"""Task, item, rotation and sample of a response."""


class ProgressListener(Protocol):
    """Whoever looks on while a run goes."""

    def begin(self, folder: Path, total: int) -> None:
        """The run starts; what an earlier process left on disk is graded first."""

    def asking(self) -> None:
        """The first request is about to be asked: clocks start here."""

    def graded(self, grade: Grade, record: ResponseRecord) -> None:
        """A response is on disk and graded."""

    def failed(self, response: Response) -> None:
        """A request failed for good."""


@dataclass(frozen=True, slots=True, repr=False)
class RunOutcome:
    """What a run left behind."""

    folder: RunFolder
    prepared_tasks: tuple[PreparedTask, ...]
    missing: int
    """Requests that have no response."""


Identity = dict[str, Any]
Choose = Callable[[Identity], RunFolder]


async def run(plan: RunSpec, choose: Choose, watcher: ProgressListener) -> RunOutcome:
    """Ask what the folder that `choose` gives for this run's identity still lacks.

    An `EvalsuiteError` or a cancellation leaves the folder resumable and says in run.json how it ended.
    """
    datasets = [load(load_task(name), plan.data_folder) for name in plan.tasks]
    backend = make_backend(plan.model, plan.settings)
    try:
        facts = await backend.open(datasets)
        prepared_tasks = tuple(prepare_task(plan, backend, dataset) for dataset in datasets)
        who = run_identity(plan, prepared_tasks, facts)
        folder = choose(who)
        with folder.writing() as writer:
            about = _about(plan, who, facts, folder, prepared_tasks)
            return await _Loop(plan, backend, prepared_tasks, writer, watcher, about).go()
    finally:
        await backend.close()


class _Loop:
    """One pass over what is missing."""

    def __init__(
        self,
        plan: RunSpec,
        backend: Backend,
        prepared_tasks: tuple[PreparedTask, ...],
        writer: RunWriter,
        watcher: ProgressListener,
        about: dict[str, Any],
    ) -> None:
        self.plan, self.backend, self.prepared_tasks = plan, backend, prepared_tasks
        self.writer, self.watcher, self.about = writer, watcher, about
        self.by_task = {prepared.name: prepared for prepared in prepared_tasks}
        self.items: dict[str, dict[str, Item]] = {b.name: {item.id: item for item in b.items} for b in prepared_tasks}
        self.done: set[Key] = set()

    async def go(self) -> RunOutcome:
        """Ask, journal, grade; then say how it ended."""
        folder = self.writer.folder
        self._ended("running")
        total = self.plan.samples * sum(
            len(prepared.rotations(item)) for prepared in self.prepared_tasks for item in prepared.items
        )
        self.watcher.begin(folder.path, total)
        for found, record in self._kept():
            self.watcher.graded(found, record)
        self.watcher.asking()
        try:
            await self._ask()
        except asyncio.CancelledError:
            self._ended("interrupted")
            raise
        except EvalsuiteError as error:
            self._try_ended("failed", str(error))
            raise
        missing = total - len(self.done)
        self._ended("incomplete" if missing else "finished")
        return RunOutcome(folder, self.prepared_tasks, missing)

    def _kept(self) -> Iterator[tuple[Grade, ResponseRecord]]:
        for prepared in self.prepared_tasks:
            for record in self.writer.folder.records(prepared.name):
                key = (prepared.name, record.item, record.rotation, record.sample)
                if key in self.done or not self._asks_for(prepared, record):
                    place = f"item {record.item}, rotation {record.rotation}, sample {record.sample}"
                    raise RunError(f"{self.writer.folder.journal(prepared.name)}: {place} is there twice or unknown")
                self.done.add(key)
                yield self._grade(prepared.name, record), record

    def _asks_for(self, prepared: PreparedTask, record: ResponseRecord) -> bool:
        item = self.items[prepared.name].get(record.item)
        return (
            item is not None
            and record.rotation in prepared.rotations(item)
            and record.sample in range(self.plan.samples)
        )

    def _grade(self, task: str, record: ResponseRecord) -> Grade:
        return self.by_task[task].grade(self.items[task][record.item], record)

    async def _ask(self) -> None:
        run_identity = self.about["identity_digest"]
        async with aclosing(self.backend.answer(self._requests())) as responses:
            async for response in responses:
                request = response.request
                if response.error is not None:
                    self.writer.fail(response)
                    self.watcher.failed(response)
                    continue
                record = self.writer.append(response, request_digest(request, run_identity))
                self.done.add((request.task, record.item, record.rotation, record.sample))
                self.watcher.graded(self._grade(request.task, record), record)

    def _requests(self) -> Iterator[Request]:
        """What is missing, made when the backend asks for it; an item's samples stand together (prefix caches)."""
        for prepared in self.prepared_tasks:
            for item in prepared.items:
                for rotation in prepared.rotations(item):
                    yield from self._requests_of(prepared, item, rotation)

    def _requests_of(self, prepared: PreparedTask, item: Item, rotation: int) -> Iterator[Request]:
        wanted = [k for k in range(self.plan.samples) if (prepared.name, item.id, rotation, k) not in self.done]
        if wanted:
            shown = rotated(item, rotation)
            messages, weighed = prepared.prompt.messages(shown), prepared.continuations(shown)
            for sample in wanted:
                seed = request_seed(self.plan, prepared.name, item.id, rotation, sample)
                yield Request(prepared.name, shown, sample, messages, seed, weighed, rotation)

    def _ended(self, status: str, reason: str | None = None) -> None:
        self.about["ended"] = {"status": status, "at": _now(), "reason": reason}
        self.writer.folder.write_json("run.json", self.about)

    def _try_ended(self, status: str, reason: str) -> None:
        """On a full disk even this can't be written: the error that led here is the one to tell."""
        try:
            self._ended(status, reason)
        except RunError:
            return


def new_folder(out: Path, model: str, who: Identity) -> RunFolder:
    """Find the latest unfinished run of this identity below `out`, or make a new folder `out/<model>/<stamp>`."""
    home = out / re.sub(r"[^\w.@+-]+", "_", model).strip("._")
    for file in sorted(home.glob("*/run.json"), reverse=True):
        folder = RunFolder(file.parent)
        if folder.unfinished(who):
            return folder
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S")
    for path in (home / f"{stamp}{suffix}" for suffix in ("", *(f"-{number}" for number in range(1, 100)))):
        try:
            path.mkdir(parents=True)
        except FileExistsError:
            continue
        except OSError as error:
            raise disk_error(path, error) from None
        return RunFolder(path)
    raise RunError(f"{home}: a hundred runs began in this second; try again")


def same_folder(path: Path, who: Identity) -> RunFolder:
    """Return the run in `path`, or an empty folder there; another run's is a `RunError` that names the difference."""
    folder = RunFolder(path)
    if not (path / "run.json").exists():
        if path.exists() and not (path.is_dir() and _only_ours(path)):
            raise RunError(f"{path}: not empty and not a run; choose another --out")
        return folder
    differs = list(_differences(folder.facts["identity"], who))
    if differs:
        raise RunError(f"{path}: holds another run ({'; '.join(differs[:3])}); choose another --out")
    return folder


def _only_ours(path: Path) -> bool:
    names = {entry.name for entry in path.iterdir() if not is_partial_of(entry, path / "run.json")}
    return names <= {"responses", ".lock"}


def _differences(there: Any, here: Any, place: str = "") -> Iterator[str]:
    if isinstance(there, dict) and isinstance(here, dict):
        for key in {**there, **here}:
            yield from _differences(there.get(key), here.get(key), f"{place}.{key}".lstrip("."))
    elif there != here:
        yield f"{place}: {there} there, {here} here"


def _about(
    plan: RunSpec, who: dict[str, Any], facts: Any, folder: RunFolder, prepared_tasks: Sequence[PreparedTask]
) -> dict[str, Any]:
    before = folder.facts if (folder.path / "run.json").exists() else {}
    return {
        "schema": SCHEMA,
        "evalsuite": evalsuite.__version__,
        "parser": parser.VERSION,
        "identity": who,
        "identity_digest": digest(who),
        "spec": plan.to_json(),
        "prompt_setups": {prepared.name: prepared.to_json() for prepared in prepared_tasks},
        "backend": facts,
        "notes": {prepared.name: list(prepared.notes) for prepared in prepared_tasks if prepared.notes},
        "host": {"python": platform.python_version(), "system": platform.system(), "machine": platform.machine()},
        "packages": {name: version for name in _RECORDED_PACKAGES if (version := _version(name))},
        "started": before.get("started", _now()),
        "regraded": before.get("regraded", []),
    }


def _version(package: str) -> str | None:
    """Version of an imported package: one that this run didn't load can't have shaped it."""
    if package.replace("-", "_") not in sys.modules:
        return None
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
