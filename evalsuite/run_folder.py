"""The run folder: run.json, the journal of responses, and the lock that gives it one writer.

    run.json                  identity, spec, prompt setups, versions, and how the run ended
    responses/<task>.jsonl    the journal: append-only, one line per response, on disk as soon as it arrives
    taken_back/<task>.jsonl   lines that were taken out of it, since they were no responses of the model
    errors.jsonl              requests that failed for good; they have no response, and a resumed run sends them again
    tasks/<name>/             tasks whose items a program handed over; see `run.stored_tasks`

A response is one `write` of one line, with nothing buffered in the process: a kill loses only requests in flight. A
line that a crash or a full disk cut short is dropped when the folder is next opened for writing. Every other damage is
an error that names the file and the line: run.json and each line have a checksum, a line's starts from the run's
`journal_id`, and run.json counts the lines of each journal whenever a run stops. No link in the folder is followed.
"""

from __future__ import annotations

import errno
import os
import secrets
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import orjson

from evalsuite import run_folder_v1
from evalsuite.errors import ErrorCode, RunError
from evalsuite.models.backend import Response
from evalsuite.models.token_count import token_count
from evalsuite.run_json import SCHEMA, read_run_json
from evalsuite.util.atomic_write import write_atomically
from evalsuite.util.checksum import line_key, read_checked_jsonl, with_checksum, with_line_checksum
from evalsuite.util.jsonl import JsonLine, JsonLineError, dump_json_line
from evalsuite.util.regular_file import cut_behind_last_line, links_in, open_for_appending

ERRORS: Final = "errors.jsonl"


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
    """One run's files. Reading needs no lock; writing does: `with folder.writing() as writer:`.

    `lost_lines` accepts journals with fewer lines than run.json counts: whoever sends requests can send theirs again.
    """

    def __init__(self, path: Path, lost_lines: bool = False) -> None:
        self.path, self.lost_lines = path, lost_lines

    @property
    def facts(self) -> dict[str, Any]:
        """The content of run.json with the keys of the present schema; a missing or damaged one is a `RunError`.

        `began_as` is the schema version with which the run started.
        """
        return read_run_json(self.path / "run.json")

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

        An incomplete last line is skipped; any other line that isn't a response of this run is a `RunError`, and so is
        a journal with fewer lines than run.json counts, unless `lost_lines` accepts it.
        """
        path, lines = self.journal(task), 0
        if not path.exists() and not (self.path / "run.json").exists():
            return  # a baseline of which only the summary and the grades were kept
        facts = self.facts
        for line in self._lines(path, facts, task):
            yield _record(line.value, path, line.number)
            lines = line.number
        counted = facts["journals"].get(task, 0)
        if lines < counted and not self.lost_lines:
            raise RunError(
                ErrorCode.JOURNAL_MALFORMED,
                f"{path}: has {lines} lines, and run.json counts {counted}: restore the file, or request the missing "
                "responses again with evalsuite run --resume",
            )
        if lines > counted and facts["ended"]["status"] == "finished" and facts["began_as"] == SCHEMA:
            raise RunError(
                ErrorCode.JOURNAL_MALFORMED,
                f"{path}: line {counted + 1} was added after the run had finished; delete what follows line {counted}",
            )

    def stored_lines(self, task: str) -> Iterator[tuple[bytes, ResponseRecord]]:
        """Read a task's responses, each with its line as it is stored."""
        path = self.journal(task)
        for line in self._lines(path, self.facts, task):
            yield line.raw, _record(line.value, path, line.number)

    def failed_requests(self) -> list[FailedRequest]:
        """Read the requests that failed for good; one that failed in several processes is there once, the last time."""
        path = self.path / ERRORS
        failed: dict[tuple[Any, ...], FailedRequest] = {}
        try:
            for line in self._lines(path, self.facts, ERRORS):
                each = FailedRequest(**line.value)
                failed[each.task, each.item, each.rotation, each.sample] = each
        except TypeError as error:
            raise RunError(ErrorCode.JOURNAL_MALFORMED, f"{path}: can't be read: {error}; delete it") from None
        return list(failed.values())

    def _lines(self, path: Path, facts: Mapping[str, Any], kind: str) -> Iterator[JsonLine]:
        """Yield the lines of a journal whose checksums hold; anything else is a `RunError` that names the line."""
        if not path.exists():
            return
        try:
            if not path.is_file():
                raise RunError(ErrorCode.JOURNAL_MALFORMED, f"{path}: not a file; delete it and resume the run")
            with path.open("rb") as lines:
                key = line_key(str(facts["journal_id"]), kind)
                yield from read_checked_jsonl(lines, key, required=facts["began_as"] == SCHEMA)
        except JsonLineError as error:
            advice = "delete the line and resume the run, which requests it again"
            raise RunError(ErrorCode.JOURNAL_MALFORMED, f"{path}: {error}; {advice}") from None
        except OSError as error:
            message = f"{path}: can't be read: {error.strerror or error}"
            raise RunError(ErrorCode.JOURNAL_MALFORMED, message) from None

    def write_json(self, name: str, content: Mapping[str, Any]) -> None:
        """Replace a JSON file of the folder, with a checksum; a reader sees the old content or the new one, no part."""
        file, option = self.path / name, orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE
        try:
            write_atomically(file, orjson.dumps(with_checksum(content), option=option))
        except OSError as error:
            raise disk_error(file, error) from None

    def writing(self) -> RunWriter:
        """Return the context manager that locks the folder for this process."""
        return RunWriter(self)


class RunWriter:
    """The one writer of a run folder; a second one, in this process or another, is a `RunError`."""

    journal_id: str
    """Random id of the run, from which the checksums of its lines start."""

    def __init__(self, folder: RunFolder) -> None:
        self.folder = folder
        self.lines: Counter[str] = Counter()
        """Lines of each task's journal: those that this writer wrote, and those that its user has counted."""
        self._files: dict[str, int] = {}
        self._keys: dict[str, int] = {}

    def __enter__(self) -> Self:
        import filelock

        path = self.folder.path
        try:
            _refuse_links(path)
            (path / "responses").mkdir(parents=True, exist_ok=True)
            self._lock = filelock.FileLock(path / ".lock")
            self._lock.acquire(blocking=False)
        except filelock.Timeout:
            raise RunError(
                ErrorCode.RUN_LOCKED, f"{path}: another process writes this run; wait for it or stop it"
            ) from None
        except OSError as error:
            raise disk_error(path, error) from None
        try:
            facts = self.folder.facts if (path / "run.json").exists() else {}
        except RunError:
            self._lock.release()
            raise
        self.journal_id = facts.get("journal_id") or secrets.token_hex(8)
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
        task = response.request.task
        self._write(f"responses/{task}.jsonl", _line(record), task)
        self.lines[task] += 1
        return record

    def fail(self, response: Response) -> None:
        """Write down a request that failed for good."""
        request = response.request
        key = {"task": request.task, "item": request.item.id, "rotation": request.rotation, "sample": request.sample}
        self._write(ERRORS, dump_json_line({**key, "error": response.error}), ERRORS)

    def _write(self, name: str, line: bytes, kind: str) -> None:
        path = self.folder.path / name
        try:
            if name not in self._files:
                self._files[name] = open_for_appending(path)
                self._keys[name] = line_key(self.journal_id, kind)
                cut_behind_last_line(self._files[name])
            checked = with_line_checksum(line, self._keys[name])
            written = os.write(self._files[name], checked)
        except OSError as error:
            raise disk_error(path, error) from None
        if written != len(checked):
            raise RunError(
                ErrorCode.OUTPUT_NOT_WRITABLE,
                f"{path}: only a part of a line could be written: free some space, then resume the run",
            )


def _refuse_links(folder: Path) -> None:
    """Raise a `RunError` for a link below a folder that is about to be written: it may point at a file of the user."""
    link = next(links_in(folder), None)
    if link is not None:
        raise _link_error(link)


def refuse_links_to(output: Path) -> None:
    """Raise a `RunError` if a path for output is in a run folder and reaches out of it by a link, itself included."""
    link = None
    place = output.absolute()
    for path in (place, *place.parents):
        if link is not None and (path / "run.json").exists():
            raise _link_error(link)
        link = path if path.is_symlink() else link


def _link_error(link: Path) -> RunError:
    message = f"{link}: a link in a run folder, which is not followed; replace it by the file or folder itself"
    return RunError(ErrorCode.OUTPUT_NOT_WRITABLE, message)


def disk_error(path: Path, error: OSError) -> RunError:
    """Return the error for a file that the operating system doesn't let us write."""
    full = error.errno in (errno.ENOSPC, errno.EDQUOT)
    advice = "free some space, then resume the run" if full else "choose another `out`, or make it writable"
    return RunError(ErrorCode.OUTPUT_NOT_WRITABLE, f"{path}: {error.strerror or error}: {advice}")


def _line(record: ResponseRecord) -> bytes:
    try:
        return orjson.dumps(record, option=orjson.OPT_APPEND_NEWLINE)
    except TypeError:  # a lone surrogate in the text
        return dump_json_line({name: getattr(record, name) for name in ResponseRecord.__slots__})


_NUMBERS: Final = ("sample", "rotation", "latency")
_MOST: Final = 1 << 53
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
    "request": str,
}


def _record(fields: Any, path: Path, number: int) -> ResponseRecord:
    try:
        if "shift" in fields:
            fields = run_folder_v1.upgrade_record(fields)
        # Older versions stored whatever number a server reported, also those that no column of 64 bits holds.
        record = ResponseRecord(**fields | {name: token_count(fields[name]) for name in _COUNTS if name in fields})
        if any(not isinstance(getattr(record, name), type_) for name, type_ in _TYPES.items()):
            raise ValueError("a field of another type")
        if any(isinstance(getattr(record, name), bool) or (getattr(record, name) or 0) > _MOST for name in _NUMBERS):
            raise ValueError("a number out of range")
        return record
    except (TypeError, ValueError, AttributeError):
        raise _malformed(path, number) from None


def _malformed(path: Path, number: int) -> RunError:
    return RunError(
        ErrorCode.JOURNAL_MALFORMED,
        f"{path}: line {number} is not a response; delete the line and resume the run, which requests it again",
    )
