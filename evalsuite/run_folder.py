"""The run folder: run.json, the journal of responses, and the lock that gives it one writer.

    run.json                  identity, spec, prompt setups, versions, and how the run ended
    responses/<task>.jsonl    the journal: append-only, one line per response, on disk as soon as it arrives
    errors.jsonl              requests that failed for good; they have no response, and a resumed run sends them again
    tasks/<name>/             tasks whose items a program handed over; see `run.stored_tasks`

A response is one `write` of one line, with nothing buffered in the process: a kill loses only requests in flight. A
line that a crash or a full disk cut short is dropped when the folder is next opened for writing.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import orjson

from evalsuite import run_folder_v1
from evalsuite.errors import ErrorCode, RunError
from evalsuite.models.backend import Response
from evalsuite.models.token_count import token_count
from evalsuite.util.atomic_write import write_atomically
from evalsuite.util.jsonl import JsonLineError, dump_json_line, read_jsonl

SCHEMA = 2
"""Version of the keys in run.json and summary.json; folders of version 1 are read through `run_folder_v1`."""
ERRORS: Final = "errors.jsonl"
_BLOCK: Final = 65536
"""Bytes that are read at a time when the last line feed of a journal is searched."""


@dataclass(frozen=True, slots=True)
class ResponseRecord:
    """One response as the journal stores it."""

    item: str
    sample: int
    text: str
    reasoning: str
    finish: str
    """As in `Response`."""
    opens_reasoning: bool
    input_tokens: int | None
    output_tokens: int | None
    latency: float | None
    """Seconds from sending the request to the last token; None if nothing was timed."""
    request: str
    """Digest of the messages, decoding and seed that were sent."""
    logprobs: Sequence[float | None] | None = None
    """With log-likelihood scoring: log-probabilities of the options in the order shown; see `Response`."""
    rotation: int = 0
    """Rotation of the options that the prompt showed; see `tasks.rotation`."""


@dataclass(frozen=True, slots=True)
class FailedRequest:
    """One request that failed for good, with the reason."""

    task: str
    item: str
    rotation: int
    sample: int
    error: str


class RunFolder:
    """One run's files. Reading needs no lock; writing does: `with folder.writing() as writer:`."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def facts(self) -> dict[str, Any]:
        """The content of run.json; a missing or unreadable one is a `RunError`."""
        file = self.path / "run.json"
        try:
            facts = orjson.loads(file.read_bytes())
        except FileNotFoundError:
            raise RunError(ErrorCode.RUN_NOT_FOUND, f"{self.path}: there is no run (no run.json)") from None
        except (OSError, orjson.JSONDecodeError) as error:
            raise RunError(ErrorCode.RUN_UNREADABLE, f"{file}: can't be read: {error}") from None
        if isinstance(facts, dict) and facts.get("schema") == 1:
            facts = run_folder_v1.upgrade_run(facts)
        if not isinstance(facts, dict) or facts.get("schema") != SCHEMA or not {"identity", "ended"} <= facts.keys():
            raise RunError(
                ErrorCode.RUN_SCHEMA_UNSUPPORTED, f"{file}: not a run of schema {SCHEMA} or 1, which this version reads"
            )
        return facts

    def is_unfinished(self, identity: Any) -> bool:
        """Return whether a run of this identity is here and lacks responses; an unreadable folder has no run."""
        try:
            facts = self.facts
        except RunError:
            return False
        return bool(facts.get("identity") == identity and facts["ended"]["status"] != "finished")

    def journal(self, task: str) -> Path:
        """Return the file of a task's responses."""
        return self.path / "responses" / f"{task}.jsonl"

    def records(self, task: str) -> Iterator[ResponseRecord]:
        """Read a task's responses in the order of arrival.

        An incomplete last line is skipped; any other line that isn't a response is a `RunError`.
        """
        path = self.journal(task)
        if not path.exists():
            return
        try:
            with path.open("rb") as lines:
                for line in read_jsonl(lines, skip_incomplete=True):
                    yield _record(line.value, path, line.number)
        except JsonLineError as error:
            raise _malformed(path, error.number) from None

    def failed_requests(self) -> list[FailedRequest]:
        """Read the requests that failed for good; one that failed in several processes is there once, the last time."""
        path = self.path / ERRORS
        if not path.exists():
            return []
        failed: dict[tuple[Any, ...], FailedRequest] = {}
        try:
            with path.open("rb") as lines:
                for line in read_jsonl(lines, skip_incomplete=True):
                    each = FailedRequest(**line.value)
                    failed[each.task, each.item, each.rotation, each.sample] = each
        except (JsonLineError, OSError, TypeError) as error:
            raise RunError(ErrorCode.JOURNAL_MALFORMED, f"{path}: can't be read: {error}; delete it") from None
        return list(failed.values())

    def write_json(self, name: str, content: Any) -> None:
        """Replace a JSON file of the folder; a reader sees the old content or the new one, never a part."""
        file = self.path / name
        try:
            write_atomically(file, orjson.dumps(content, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))
        except OSError as error:
            raise disk_error(file, error) from None

    def writing(self) -> RunWriter:
        """Return the context manager that locks the folder for this process."""
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
            raise RunError(
                ErrorCode.RUN_LOCKED, f"{self.folder.path}: another process writes this run; wait for it or stop it"
            ) from None
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
        """Write a response to the journal and return its record; `request` is the digest of what was sent."""
        record = ResponseRecord(
            item=response.request.item.id,
            sample=response.request.sample,
            text=response.text,
            reasoning=response.reasoning,
            finish=response.finish,
            opens_reasoning=response.opens_reasoning,
            input_tokens=token_count(response.input_tokens),
            output_tokens=token_count(response.output_tokens),
            latency=response.latency,
            request=request,
            logprobs=response.logprobs,
            rotation=response.request.rotation,
        )
        self._write(f"responses/{response.request.task}.jsonl", _line(record))
        return record

    def fail(self, response: Response) -> None:
        """Write down a request that failed for good."""
        request = response.request
        key = {"task": request.task, "item": request.item.id, "rotation": request.rotation, "sample": request.sample}
        self._write(ERRORS, dump_json_line({**key, "error": response.error}))

    def _write(self, name: str, line: bytes) -> None:
        path = self.folder.path / name
        try:
            if name not in self._files:
                self._files[name] = _open_at_last_line(path)
            written = os.write(self._files[name], line)
        except OSError as error:
            raise disk_error(path, error) from None
        if written != len(line):
            raise RunError(
                ErrorCode.OUTPUT_NOT_WRITABLE,
                f"{path}: only a part of a line could be written: free some space, then resume the run",
            )


def disk_error(path: Path, error: OSError) -> RunError:
    """Return the error for a file that the operating system doesn't let us write."""
    full = error.errno in (errno.ENOSPC, errno.EDQUOT)
    advice = "free some space, then resume the run" if full else "choose another `out`, or make it writable"
    return RunError(ErrorCode.OUTPUT_NOT_WRITABLE, f"{path}: {error.strerror or error}: {advice}")


def _open_at_last_line(path: Path) -> int:
    """Open a journal for appending and cut it off behind its last complete line."""
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    end = os.lseek(file, 0, os.SEEK_END)
    while end > 0:
        start = max(0, end - _BLOCK)
        newline = os.pread(file, end - start, start).rfind(b"\n")
        if newline >= 0:
            end = start + newline + 1
            break
        end = start
    os.ftruncate(file, end)
    os.lseek(file, end, os.SEEK_SET)
    return file


def _line(record: ResponseRecord) -> bytes:
    try:
        return orjson.dumps(record, option=orjson.OPT_APPEND_NEWLINE)
    except TypeError:  # a lone surrogate in the text
        return dump_json_line({name: getattr(record, name) for name in ResponseRecord.__slots__})


_COUNTS: Final = ("input_tokens", "output_tokens")
_TYPES: Final = {
    "item": str,
    "sample": int,
    "text": str,
    "reasoning": str,
    "finish": str,
    "opens_reasoning": bool,
    "latency": float | int | None,
    "rotation": int,
}


def _record(fields: Any, path: Path, number: int) -> ResponseRecord:
    try:
        if "shift" in fields:
            fields = run_folder_v1.upgrade_record(fields)
        # Older versions stored whatever number a server reported, also those that no column of 64 bits holds.
        record = ResponseRecord(**fields | {name: token_count(fields[name]) for name in _COUNTS if name in fields})
        if any(not isinstance(getattr(record, name), type_) for name, type_ in _TYPES.items()):
            raise ValueError("a field of another type")
        return record
    except (TypeError, ValueError, AttributeError):
        raise _malformed(path, number) from None


def _malformed(path: Path, number: int) -> RunError:
    return RunError(
        ErrorCode.JOURNAL_MALFORMED,
        f"{path}: line {number} is not a response; delete the line and resume the run, which requests it again",
    )
