"""The run loop: sends the requests that have no response yet, writes each response to the journal and grades it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol

from evalsuite.errors import BackendError, ErrorCode, EvalsuiteError, RunError
from evalsuite.grading.grade import Grade
from evalsuite.grading.grade_log import GradeLog
from evalsuite.models.backend import Backend, Request, Response
from evalsuite.run.answering import answers
from evalsuite.run.folder_choice import FolderChoice
from evalsuite.run.identity import request_digest, run_identity
from evalsuite.run.prepared_task import PreparedTask, prepare_task
from evalsuite.run.reasoning_only import ReasoningOnlyWatch, take_back
from evalsuite.run.run_facts import day_of, now, run_facts
from evalsuite.run.spec import RunSpec
from evalsuite.run.stored_responses import SentRequests, prompt_of, stored_responses
from evalsuite.run.stored_tasks import store_tasks
from evalsuite.run_folder import ResponseRecord, RunFolder, RunWriter
from evalsuite.tasks.item import Dataset, Item
from evalsuite.tasks.rotation import rotated

_EQUAL_SAMPLES: Final = "equal_samples"
SampleKey = tuple[str, str, int, int]
"""Task, item, rotation and sample of a response."""


class ProgressListener(Protocol):
    """What a run reports to while it goes on."""

    def begin(self, folder: Path, total: int) -> None:
        """The run starts; responses that are stored from an earlier process are graded first."""

    def lost(self, journal: Path, lines: int) -> None:
        """A journal lacks lines that it had when the run last stopped; their requests are sent again."""

    def sending(self) -> None:
        """The first request is about to be sent: clocks start here."""

    def graded(self, grade: Grade, record: ResponseRecord) -> None:
        """A response is on disk and graded."""

    def failed(self, response: Response) -> None:
        """A request failed for good."""

    def note(self, text: str) -> None:
        """Something that a reader of the results must know."""


@dataclass(frozen=True, slots=True, repr=False)
class RunOutcome:
    """What a run left behind."""

    folder: RunFolder
    prepared_tasks: tuple[PreparedTask, ...]
    total: int
    """Number of requests of the whole run."""
    missing: int
    """Requests that have no response and may be sent again."""
    grades: Mapping[str, GradeLog]
    """Grades by task, in the order of the journals."""


async def run(
    spec: RunSpec,
    backend: Backend,
    datasets: Sequence[Dataset],
    choose_folder: FolderChoice,
    listener: ProgressListener,
) -> RunOutcome:
    """Send every request that has no response in the folder that `choose_folder` returns; close the backend.

    An `EvalsuiteError` or a cancellation leaves the folder resumable, with the reason in run.json.
    """
    backend.tell = listener.note
    try:
        info = await backend.open(datasets)
        prepared_tasks = tuple(prepare_task(spec, backend, dataset) for dataset in datasets)
        identity = run_identity(spec, backend, prepared_tasks, info)
        folder = choose_folder(identity)
        with folder.writing() as writer:
            store_tasks(folder, [prepared.dataset for prepared in prepared_tasks])
            facts = run_facts(spec, identity, info, writer, prepared_tasks)
            backend.prompt_day = day_of(facts)
            return await _RunLoop(spec, backend, prepared_tasks, writer, listener, facts).execute()
    finally:
        await backend.close()


class _RunLoop:
    """One pass over the requests that have no response."""

    def __init__(
        self,
        spec: RunSpec,
        backend: Backend,
        prepared_tasks: tuple[PreparedTask, ...],
        writer: RunWriter,
        listener: ProgressListener,
        facts: dict[str, Any],
    ) -> None:
        self.spec, self.backend, self.prepared_tasks = spec, backend, prepared_tasks
        self.writer, self.listener, self.facts = writer, listener, facts
        self.by_task = {prepared.name: prepared for prepared in prepared_tasks}
        self.items: dict[str, dict[str, Item]] = {b.name: {item.id: item for item in b.items} for b in prepared_tasks}
        self.sent = SentRequests(facts["identity_digest"], spec.settings.decoding.seed, spec.samples)
        self.answered: set[SampleKey] = set()
        self.grades = {prepared.name: GradeLog() for prepared in prepared_tasks}
        self.failures = 0
        self.reasoning_only = ReasoningOnlyWatch(spec.model, backend.stops_at_reasoning_only)
        self.reported: set[str] = set()
        """Keys of the backend's notes that the listener has."""

    async def execute(self) -> RunOutcome:
        """Send, store and grade; then record in run.json how the run ended."""
        folder = self.writer.folder
        take_back(folder, self.prepared_tasks, self.facts["journals"])
        if self._repeats_itself():
            self.backend.notes[_EQUAL_SAMPLES] = (
                f"temperature 0 gives the {self.spec.samples} samples of an item the same text, apart from numerical "
                f"noise of the server or engine: they cost {self.spec.samples} times as much and add nothing "
                "unless a temperature is set"
            )
        if not (folder.path / "run.json").exists():
            self._record_status("running")
        total = self.spec.samples * sum(
            len(prepared.rotations(item)) for prepared in self.prepared_tasks for item in prepared.items
        )
        self.listener.begin(folder.path, total)
        for grade, record in self._stored():
            self.listener.graded(grade, record)
        self._record_status("running")  # of a run that is resumed only now: what is stored can be read
        self.listener.sending()
        try:
            await self._send_missing()
        except asyncio.CancelledError:
            self._record_status("interrupted")
            raise
        except EvalsuiteError as error:
            self._record_failure(error)
            raise
        missing = 0 if self.backend.failures_are_final else total - len(self.answered)
        self._record_status("incomplete" if missing else "finished")
        return RunOutcome(folder, self.prepared_tasks, total, missing, self.grades)

    def _stored(self) -> Iterator[tuple[Grade, ResponseRecord]]:
        """Grade the responses that earlier processes stored, and remember which requests they answer."""
        for prepared in self.prepared_tasks:
            # Version 1 had other keys in a run's identity, and so other digests of the same requests. Of a recording's
            # prompts only a digest is known.
            same = self.facts["began_as"] > 1 and prepared.prompt_setup.prompt_digest is None
            for record in stored_responses(self.writer.folder, prepared, self.sent, same_prompt=same):
                self.answered.add((prepared.name, record.item, record.rotation, record.sample))
                self.writer.lines[prepared.name] += 1
                yield self._grade(prepared.name, record), record
            lost = self.facts["journals"].get(prepared.name, 0) - self.writer.lines[prepared.name]
            if lost > 0:
                self.listener.lost(self.writer.folder.journal(prepared.name), lost)

    def _grade(self, task: str, record: ResponseRecord) -> Grade:
        grade = self.by_task[task].grade(self.items[task][record.item], record)
        self.grades[task].append(grade)
        return grade

    async def _send_missing(self) -> None:
        identity_digest = self.facts["identity_digest"]
        self._tell_notes()
        async with aclosing(answers(self.backend, self._requests(), self.spec.model)) as responses:
            async for response in responses:
                self._tell_notes()
                request = response.request
                if response.error is not None:
                    self._fail(response)
                    continue
                record = self.writer.append(response, request_digest(request, identity_digest))
                self.answered.add((request.task, record.item, record.rotation, record.sample))
                grade = self._grade(request.task, record)
                self.listener.graded(grade, record)
                self.reasoning_only.add(grade)

    def _fail(self, response: Response) -> None:
        self.writer.fail(response)
        self.listener.failed(response)
        self.failures += 1
        limit = self.backend.failure_limit
        if limit is not None and not self.answered and self.failures >= limit:
            raise BackendError(
                ErrorCode.TOO_MANY_FAILURES,
                f"{self.spec.model}: the first {self.failures} requests failed, the last with: {response.error}",
            )

    def _requests(self) -> Iterator[Request]:
        """Make missing requests as the backend takes them; samples of an item are adjacent, for prefix caches."""
        for prepared in self.prepared_tasks:
            for item in prepared.items:
                for rotation in prepared.rotations(item):
                    yield from self._requests_of(prepared, item, rotation)

    def _requests_of(self, prepared: PreparedTask, item: Item, rotation: int) -> Iterator[Request]:
        samples = [k for k in range(self.spec.samples) if (prepared.name, item.id, rotation, k) not in self.answered]
        if samples:
            shown = rotated(item, rotation)
            prompt = prompt_of(prepared, shown)
            for sample in samples:
                yield self.sent.request(prepared, shown, sample, rotation, prompt)

    def _repeats_itself(self) -> bool:
        """Whether several samples of an item are requested that can only be equal."""
        spec, backend = self.spec, self.backend
        return (
            spec.samples > 1
            and spec.settings.decoding.temperature == 0
            and backend.applies_decoding
            and spec.backend != "trivial"  # its random draws depend on the seed alone
        )

    def _tell_notes(self) -> None:
        for key in self.backend.notes.keys() - self.reported:
            self.reported.add(key)
            self.listener.note(self.backend.notes[key])

    def _record_status(self, status: str, reason: str | None = None, code: ErrorCode | None = None) -> None:
        self.facts["decoding"] |= dict.fromkeys(self.backend.unsent)
        self.facts["backend_notes"] |= self.backend.notes
        if "temperature" in self.backend.unsent:  # then the server's own temperature applies
            self.facts["backend_notes"].pop(_EQUAL_SAMPLES, None)
        self.facts["ended"] = {"status": status, "at": now(), "reason": reason, "code": code}
        if status != "running":  # until then the lines that are there are at least those of the last stop
            self.facts["journals"] = dict(self.writer.lines)
        self.writer.folder.write_json("run.json", self.facts)

    def _record_failure(self, error: EvalsuiteError) -> None:
        try:
            self._record_status("failed", str(error), error.code)
        except RunError:  # on a full disk not even this can be written: the first error is the one to raise
            return
