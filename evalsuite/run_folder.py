"""The run folder: who writes it, what was asked, and every response, on disk the moment it arrives.

    run.json                  what was asked, resolved, and how it ended
    responses/<task>.jsonl    append-only, a line a response
    errors.jsonl              requests that failed for good; they stay unanswered, and a resumed run asks them again

A response is one `write` of one line, with nothing buffered in the process: a kill loses only what was in flight. A
line torn by a crash or a full disk is dropped when the folder is next opened for writing.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import orjson

from evalsuite import schema_v1
from evalsuite.errors import ErrorCode, RunError
from evalsuite.models.backend import Finish, Response
from evalsuite.util.atomic_write import write_atomically
from evalsuite.util.jsonl import JsonLineError, read_jsonl

SCHEMA = 2
"""Version of the keys in run.json and summary.json; folders of version 1 are read through `schema_v1`."""


@dataclass(frozen=True, slots=True)
class ResponseRecord:
    """A response as the journal keeps it."""

    item: str
    sample: int
    text: str
    reasoning: str
    finish: Finish
    opens_reasoning: bool
    input_tokens: int | None
    output_tokens: int | None
    latency: float | None
    request: str
    """Digest of the messages, decoding and seed that were sent."""
    logprobs: Sequence[float | None] | None = None
    """Of the options as they were shown, where they were weighed and nothing was written; see `Response`."""
    rotation: int = 0
    """By how many places the options stood moved; see `order`."""


class RunFolder:
    """A run's files. Reading needs nothing; writing needs the lock, which `with folder.writing():` holds."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def facts(self) -> dict[str, Any]:
        """The content of run.json; a missing or unreadable one is a `RunError`."""
        file = self.path / "run.json"
        try:
            facts = orjson.loads(file.read_bytes())
        except FileNotFoundError:
            raise RunError(f"{self.path}: no run is here (it has no run.json)") from None
        except (OSError, orjson.JSONDecodeError) as error:
            raise RunError(f"{file}: can't be read: {error}") from None
        if isinstance(facts, dict) and facts.get("schema") == 1:
            facts = schema_v1.upgrade_run(facts)
        if not isinstance(facts, dict) or facts.get("schema") != SCHEMA or not {"identity", "ended"} <= facts.keys():
            raise RunError(f"{file}: not a run of schema {SCHEMA} or 1, which this version reads")
        return facts

    def unfinished(self, identity: Any) -> bool:
        """Whether a run of this identity is here and still lacks something; an unreadable one is no such run."""
        try:
            facts = self.facts
        except RunError:
            return False
        return bool(facts.get("identity") == identity and facts["ended"]["status"] != "finished")

    def journal(self, task: str) -> Path:
        """Where the responses of a task are."""
        return self.path / "responses" / f"{task}.jsonl"

    def records(self, task: str) -> Iterator[ResponseRecord]:
        """Read a task's responses as they arrived; a torn last line is passed over, any other is a `RunError`."""
        path = self.journal(task)
        if not path.exists():
            return
        try:
            with path.open("rb") as lines:
                for line in read_jsonl(lines, skip_incomplete=True):
                    yield _record(line.value, path, line.number)
        except JsonLineError as error:
            raise _malformed(path, error.number) from None

    def write_json(self, name: str, content: Any) -> None:
        """Replace a JSON file of the folder as a whole, so that a reader never sees half of it."""
        file = self.path / name
        try:
            write_atomically(file, orjson.dumps(content, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))
        except OSError as error:
            raise disk_error(file, error) from None

    def writing(self) -> RunWriter:
        """Claim the folder for this process."""
        return RunWriter(self)


class RunWriter:
    """The one writer of a run folder; a second one, in this process or another, is a `RunError`."""

    def __init__(self, folder: RunFolder) -> None:
        self.folder = folder
        self._files: dict[str, int] = {}

    def __enter__(self) -> Self:
        import filelock

        try:
            (self.folder.path / "responses").mkdir(parents=True, exist_ok=True)
            self._lock = filelock.FileLock(self.folder.path / ".lock")
            self._lock.acquire(blocking=False)
        except filelock.Timeout:
            raise RunError(f"{self.folder.path}: another process writes this run; wait for it or stop it") from None
        except OSError as error:
            raise disk_error(self.folder.path, error) from None
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for file in self._files.values():
            os.close(file)
        self._files.clear()
        self._lock.release()

    def append(self, response: Response, request: str) -> ResponseRecord:
        """Put a response on disk."""
        record = ResponseRecord(
            item=response.request.item.id,
            sample=response.request.sample,
            text=response.text,
            reasoning=response.reasoning,
            finish=response.finish,
            opens_reasoning=response.opens_reasoning,
            input_tokens=response.input_tokens,
            output_tokens=response.output_tokens,
            latency=response.latency,
            request=request,
            logprobs=response.logprobs,
            rotation=response.request.rotation,
        )
        self._write(f"responses/{response.request.task}.jsonl", _line(record))
        return record

    def fail(self, response: Response) -> None:
        """Note a request that failed for good."""
        request = response.request
        place = {"task": request.task, "item": request.item.id, "rotation": request.rotation, "sample": request.sample}
        self._write("errors.jsonl", _line({**place, "error": response.error}))

    def _write(self, name: str, line: bytes) -> None:
        path = self.folder.path / name
        try:
            if name not in self._files:
                self._files[name] = _open_whole(path)
            written = os.write(self._files[name], line)
        except OSError as error:
            raise disk_error(path, error) from None
        if written != len(line):
            raise RunError(f"{path}: the disk took only a part of a line: make room, then go on with --resume")


def disk_error(path: Path, error: OSError) -> RunError:
    """Tell an operating system's refusal in one line."""
    return RunError(f"{path}: {error.strerror or error}: make room or choose another --out, then go on with --resume")


def _open_whole(path: Path) -> int:
    """Open a journal for appending, cut behind its last whole line."""
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    end = os.lseek(file, 0, os.SEEK_END)
    while end > 0:
        start = max(0, end - 65536)
        newline = os.pread(file, end - start, start).rfind(b"\n")
        if newline >= 0:
            end = start + newline + 1
            break
        end = start
    os.ftruncate(file, end)
    os.lseek(file, end, os.SEEK_SET)
    return file


def _line(content: ResponseRecord | dict[str, Any]) -> bytes:
    try:
        return orjson.dumps(content, option=orjson.OPT_APPEND_NEWLINE)
    except TypeError:  # a lone surrogate: only ASCII escapes can carry it
        plain = (
            {name: getattr(content, name) for name in ResponseRecord.__slots__}
            if isinstance(content, ResponseRecord)
            else content
        )
        return json.dumps(plain).encode() + b"\n"


_KINDS = {
    "item": str,
    "sample": int,
    "text": str,
    "reasoning": str,
    "finish": str,
    "opens_reasoning": bool,
    "input_tokens": int | None,
    "output_tokens": int | None,
    "latency": float | int | None,
    "rotation": int,
}


def _record(fields: Any, path: Path, number: int) -> ResponseRecord:
    try:
        if "shift" in fields:
            fields = schema_v1.upgrade_record(fields)
        record = ResponseRecord(**fields)
        if any(not isinstance(getattr(record, name), kind) for name, kind in _KINDS.items()):
            raise ValueError("a field of another kind")
        return record
    except (TypeError, ValueError, AttributeError):
        raise _malformed(path, number) from None


def _malformed(path: Path, number: int) -> RunError:
    what = f"{path}: line {number} is not a response; delete the line and resume the run, which requests it again"
    return RunError(ErrorCode.JOURNAL_MALFORMED, what)
