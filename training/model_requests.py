"""Sends prompts to a model behind any backend and keeps each response, so that a kill loses only what was in flight.

The folder is that of a run (`evalsuite.run_folder`): run.json, and a journal of responses with checksums. A prompt's id
is the digest of its messages: equal prompts are one request, and what has a response is never requested again.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, NamedTuple

import orjson

from evalsuite.errors import BackendError, ErrorCode, EvalsuiteError, RunError, UsageError
from evalsuite.models import make_backend, split_name
from evalsuite.models.backend import Backend, BackendSettings, Request, Response
from evalsuite.run.answering import answers
from evalsuite.run.event_loop import run_to_end
from evalsuite.run.folder_choice import named_folder
from evalsuite.run.identity import request_digest, request_seed, run_identity
from evalsuite.run.run_facts import day_of, now, run_facts
from evalsuite.run.spec import RunSpec
from evalsuite.run_folder import ResponseRecord, RunFolder, RunWriter
from evalsuite.tasks.item import Item
from evalsuite.tasks.prompt import Message

ANSWERS_ITEMS_ONLY: Final = ("trivial", "replay")
"""Backends that answer the items of benchmarks by a rule or from a recording, and no other prompt."""
_TELL_EVERY: Final = 10.0
"""Seconds between two lines about the progress."""


class Prompt(NamedTuple):
    """One request to a model; `id` is the digest of its messages."""

    id: str
    messages: tuple[Message, ...]


def prompt(*messages: Message) -> Prompt:
    """Return the prompt of these chat messages."""
    return Prompt(hashlib.blake2b(orjson.dumps(messages), digest_size=16).hexdigest(), messages)


@dataclass(slots=True)
class Answers:
    """What a model answered, by the ids of the prompts; `failed` holds the reasons why a prompt has no response."""

    records: dict[str, ResponseRecord] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    sent: int = 0
    """How many requests this process sent; the other responses were on disk."""


def model_spec(model: str, settings: BackendSettings, purpose: str) -> RunSpec:
    """Return what is requested: a model (`backend/name`) with its settings, for a purpose, which names the journal.

    A backend that answers items of benchmarks alone is a `UsageError`.
    """
    prefix, name = split_name(model)
    if prefix in ANSWERS_ITEMS_ONLY:
        message = f"`model` {model}: answers items of benchmarks and no other prompt; name a model that generates text"
        raise UsageError(ErrorCode.UNSUPPORTED_BY_BACKEND, message)
    fields = {name: getattr(settings, name) for name in BackendSettings.__slots__}
    return RunSpec(prefix, (purpose,), BackendSettings(**fields | {"model": name}))


def ask(
    spec: RunSpec,
    prompts: Iterable[Prompt],
    folder: Path,
    about: Mapping[str, Any],
    tell: Callable[[str], None] = lambda line: None,
) -> Answers:
    """Request a response to each prompt that has none in the folder; return all of them.

    `about` is what else identifies the requests (the version of the prompt, checksums of the input): a folder with
    another identity is a `RunError`. `tell` is given lines about the progress and what a reader must know.
    """
    wanted = list({each.id: each for each in prompts}.values())
    return run_to_end(lambda: _ask(spec, wanted, folder, about, tell))


async def _ask(
    spec: RunSpec, prompts: list[Prompt], path: Path, about: Mapping[str, Any], tell: Callable[[str], None]
) -> Answers:
    backend = make_backend(spec.backend, spec.settings)
    backend.tell = tell
    try:
        info = await backend.open(())
        identity = {**run_identity(spec, backend, (), info), "tasks": {spec.tasks[0]: dict(about)}}
        folder = named_folder(path, identity)
        with folder.writing() as writer:
            facts = run_facts(spec, identity, info, writer, ())
            backend.prompt_day = day_of(facts)
            return await _Requests(spec, backend, prompts, writer, facts, tell).execute()
    finally:
        await backend.close()


class _Requests:
    """One pass over the prompts that have no response."""

    def __init__(
        self,
        spec: RunSpec,
        backend: Backend,
        prompts: list[Prompt],
        writer: RunWriter,
        facts: dict[str, Any],
        tell: Callable[[str], None],
    ) -> None:
        self._spec, self._backend, self._prompts = spec, backend, prompts
        self._writer, self._facts, self._tell = writer, facts, tell
        self._purpose = spec.tasks[0]
        self._answers = Answers()
        self._told: set[str] = set()
        self._last_told = time.monotonic()

    async def execute(self) -> Answers:
        """Take what is stored, request the rest, and record how that ended."""
        self._take_stored()
        self._record("running")
        try:
            await self._send()
        except asyncio.CancelledError:
            self._record("interrupted")
            raise
        except EvalsuiteError as error:
            self._record("failed", str(error), error.code)
            raise
        missing = len(self._prompts) - len(self._answers.records)
        self._record("incomplete" if missing else "finished")
        return self._answers

    def _take_stored(self) -> None:
        """Take the responses of earlier processes. One to another request than this is a `RunError`."""
        requests = {each.id: self._request(each) for each in self._prompts}
        folder: RunFolder = self._writer.folder
        for record in folder.records(self._purpose) if (folder.path / "run.json").exists() else ():
            self._writer.lines[self._purpose] += 1
            request = requests.get(record.item)
            if request is None:
                continue
            if record.item in self._answers.records or record.request != self._digest(request):
                message = f"{folder.journal(self._purpose)}: {record.item} isn't the response to this request once"
                raise RunError(ErrorCode.JOURNAL_MALFORMED, f"{message}; delete its line and start again")
            self._answers.records[record.item] = record

    def _request(self, prompt: Prompt) -> Request:
        seed = request_seed(self._spec.settings.decoding.seed, self._purpose, prompt.id, 0, 0)
        return Request(self._purpose, Item(prompt.id, "", (), (), ""), 0, prompt.messages, seed)

    def _digest(self, request: Request) -> str:
        return request_digest(request, self._facts["identity_digest"])

    def _missing(self) -> Iterator[Request]:
        for prompt in self._prompts:
            if prompt.id not in self._answers.records:
                self._answers.sent += 1
                yield self._request(prompt)

    async def _send(self) -> None:
        if len(self._answers.records) == len(self._prompts):
            return
        async with aclosing(answers(self._backend, self._missing(), self._spec.model)) as responses:
            async for response in responses:
                if response.error is None:
                    record = self._writer.append(response, self._digest(response.request))
                    self._answers.records[record.item] = record
                else:
                    self._fail(response)
                self._report()

    def _fail(self, response: Response) -> None:
        self._writer.fail(response)
        self._answers.failed[response.request.item.id] = response.error or ""
        limit = self._backend.failure_limit
        if limit is not None and not self._answers.records and len(self._answers.failed) >= limit:
            message = f"{self._spec.model}: the first {limit} requests failed, the last with: {response.error}"
            raise BackendError(ErrorCode.TOO_MANY_FAILURES, message)

    def _report(self) -> None:
        for key in self._backend.notes.keys() - self._told:
            self._told.add(key)
            self._tell(self._backend.notes[key])
        if time.monotonic() - self._last_told >= _TELL_EVERY:
            self._last_told = time.monotonic()
            done, failed = len(self._answers.records), len(self._answers.failed)
            self._tell(f"{done:,} of {len(self._prompts):,} responses, {failed:,} failed")

    def _record(self, status: str, reason: str | None = None, code: ErrorCode | None = None) -> None:
        self._facts["decoding"] |= dict.fromkeys(self._backend.unsent)
        self._facts["backend_notes"] |= self._backend.notes
        self._facts["ended"] = {"status": status, "at": now(), "reason": reason, "code": code}
        if status != "running":
            self._facts["journals"] = dict(self._writer.lines)
        self._writer.folder.write_json("run.json", self._facts)
