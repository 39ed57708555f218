"""Sends prompts to a model behind any backend and keeps each response, so that a kill loses only what was in flight.

The folder is that of a run (`evalsuite.run_folder`): run.json, and a journal of responses with checksums. A prompt's id
is the digest of its messages: equal prompts are one request, or one for each sample of it, and what has a response is
never requested again. What is requested may depend on what came back (`ask_in_rounds`).
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, NamedTuple, Protocol

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


Key = tuple[str, int]
"""What identifies a request in its journal: the digest of its messages, and the number of the sample."""


class Prompt(NamedTuple):
    """One request to a model; `id` is the digest of its messages, `sample` which of several responses to them."""

    id: str
    messages: tuple[Message, ...]
    sample: int = 0

    @property
    def key(self) -> Key:
        """What identifies the request."""
        return self.id, self.sample


def prompt(*messages: Message, sample: int = 0) -> Prompt:
    """Return the prompt of these chat messages."""
    return Prompt(hashlib.blake2b(orjson.dumps(messages), digest_size=16).hexdigest(), messages, sample)


@dataclass(slots=True)
class Answers:
    """What a model answered, by the keys of the prompts; `failed` holds the reasons why a prompt has no response."""

    records: dict[Key, ResponseRecord] = field(default_factory=dict)
    failed: dict[Key, str] = field(default_factory=dict)
    sent: int = 0
    """How many requests this process sent; the other responses were on disk."""
    withheld: int = 0
    """How many requests the allowance left unsent."""


class Allowance(Protocol):
    """What limits how much is requested, such as a budget."""

    def take(self, prompt: Prompt) -> bool:
        """Reserve what a request may need at most; False: it must not be sent as long as others are in flight."""

    def finish_request(self, prompt: Prompt, record: ResponseRecord | None) -> None:
        """Replace what was reserved by what the response really took; None: the request failed."""

    def spend(self, record: ResponseRecord) -> None:
        """Count a response that an earlier process stored."""


Plan = Callable[[Answers], Iterable[Prompt]]
"""Returns all prompts that are wanted, given the responses so far; the same responses must give the same prompts."""


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
    wanted = list(prompts)
    return ask_in_rounds(spec, lambda _: wanted, folder, about, tell)


def ask_in_rounds(
    spec: RunSpec,
    plan: Plan,
    folder: Path,
    about: Mapping[str, Any],
    tell: Callable[[str], None] = lambda line: None,
    allowance: Allowance | None = None,
) -> Answers:
    """Request what `plan` wants, let it plan again with the responses, and so on until it wants nothing new.

    The model stays loaded in between. A run that was cut short goes through the same rounds again with the responses
    that are on disk. `allowance` is requested before each request is sent; where it allows no more, the rounds end.
    """
    return run_to_end(lambda: _ask(spec, plan, folder, about, tell, allowance))


async def _ask(
    spec: RunSpec,
    plan: Plan,
    path: Path,
    about: Mapping[str, Any],
    tell: Callable[[str], None],
    allowance: Allowance | None,
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
            return await _Requests(spec, backend, plan, writer, facts, tell, allowance).execute()
    finally:
        await backend.close()


class _Requests:
    """One pass over the prompts that have no response, round after round."""

    def __init__(
        self,
        spec: RunSpec,
        backend: Backend,
        plan: Plan,
        writer: RunWriter,
        facts: dict[str, Any],
        tell: Callable[[str], None],
        allowance: Allowance | None,
    ) -> None:
        self._spec, self._backend, self._plan = spec, backend, plan
        self._writer, self._facts, self._tell, self._allowance = writer, facts, tell, allowance
        self._purpose = spec.tasks[0]
        self._stored: dict[Key, ResponseRecord] = {}
        self._wanted: dict[Key, Prompt] = {}
        self._answers = Answers()
        self._told: set[str] = set()
        self._last_told = time.monotonic()

    async def execute(self) -> Answers:
        """Take what is stored, request the rest, and record how that ended."""
        self._read_stored()
        self._wanted = {each.key: each for each in self._plan(self._answers)}
        self._take_stored()
        self._record("running")
        try:
            await self._rounds()
        except asyncio.CancelledError:
            self._record("interrupted")
            raise
        except EvalsuiteError as error:
            self._record("failed", str(error), error.code)
            raise
        complete = len(self._answers.records) == len(self._wanted)
        self._record("finished" if complete else "incomplete")
        return self._answers

    def _read_stored(self) -> None:
        """Read the responses of earlier processes; two to one request are a `RunError`."""
        folder: RunFolder = self._writer.folder
        for record in folder.records(self._purpose) if (folder.path / "run.json").exists() else ():
            self._writer.lines[self._purpose] += 1
            key = (record.item, record.sample)
            if key in self._stored:
                raise self._malformed(record)
            self._stored[key] = record
            if self._allowance is not None:
                self._allowance.spend(record)

    def _take_stored(self) -> None:
        """Take the stored responses to what is wanted now. One to another request than this is a `RunError`."""
        found = self._stored.keys() & self._wanted.keys() - self._answers.records.keys()
        for key in found:
            record = self._stored[key]
            if record.request != self._digest(self._request(self._wanted[key])):
                raise self._malformed(record)
            self._answers.records[key] = record

    def _malformed(self, record: ResponseRecord) -> RunError:
        journal = self._writer.folder.journal(self._purpose)
        message = f"{journal}: {record.item} isn't the response to this request once; delete its line and start again"
        return RunError(ErrorCode.JOURNAL_MALFORMED, message)

    def _request(self, prompt: Prompt) -> Request:
        seed = request_seed(self._spec.settings.decoding.seed, self._purpose, prompt.id, 0, prompt.sample)
        return Request(self._purpose, Item(prompt.id, "", (), (), ""), prompt.sample, prompt.messages, seed)

    def _digest(self, request: Request) -> str:
        return request_digest(request, self._facts["identity_digest"])

    async def _rounds(self) -> None:
        answers = self._answers
        while True:
            waiting = [each for each in self._wanted.values() if not self._is_over(each.key)]
            waiting.reverse()  # taken from the end
            while waiting:
                before = answers.sent
                await self._send(_Sending(self, waiting))
                if waiting and answers.sent == before:  # nothing is in flight, and still there is no allowance
                    answers.withheld = len(waiting)
                    return
            known = len(self._wanted)
            self._wanted |= {each.key: each for each in self._plan(answers)}
            if len(self._wanted) == known:
                return
            self._take_stored()

    def _is_over(self, key: Key) -> bool:
        return key in self._answers.records or key in self._answers.failed

    def next_request(self, waiting: list[Prompt]) -> Request | None:
        """Take the next of the waiting prompts that may be sent, as a request."""
        if not waiting or (self._allowance is not None and not self._allowance.take(waiting[-1])):
            return None
        self._answers.sent += 1
        return self._request(waiting.pop())

    async def _send(self, requests: Iterator[Request]) -> None:
        async with aclosing(answers(self._backend, requests, self._spec.model)) as responses:
            async for response in responses:
                key = (response.request.item.id, response.request.sample)
                record = None
                if response.error is None:
                    record = self._writer.append(response, self._digest(response.request))
                    self._answers.records[key] = record
                if self._allowance is not None:
                    self._allowance.finish_request(self._wanted[key], record)
                if record is None:
                    self._fail(response, key)
                self._report()

    def _fail(self, response: Response, key: Key) -> None:
        self._writer.fail(response)
        self._answers.failed[key] = response.error or ""
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
            self._tell(f"{done:,} of {len(self._wanted):,} responses, {failed:,} failed")

    def _record(self, status: str, reason: str | None = None, code: ErrorCode | None = None) -> None:
        self._facts["decoding"] |= dict.fromkeys(self._backend.unsent)
        self._facts["backend_notes"] |= self._backend.notes
        self._facts["ended"] = {"status": status, "at": now(), "reason": reason, "code": code}
        if status != "running":
            self._facts["journals"] = dict(self._writer.lines)
        self._writer.folder.write_json("run.json", self._facts)


class _Sending(Iterator[Request]):
    """The requests of a round, as the allowance lets them through: an end for now need not be the end."""

    def __init__(self, requests: _Requests, waiting: list[Prompt]) -> None:
        self._requests, self._waiting = requests, waiting

    def __next__(self) -> Request:
        request = self._requests.next_request(self._waiting)
        if request is None:
            raise StopIteration
        return request
