"""Files of recorded responses, one row per line: JSON Lines of other harnesses, or a run folder.

A row of another harness names its `benchmark`, `item_id`, `model` and `setting`, and its file may be gzipped; a row of
a run folder is a line of `responses/<task>.jsonl` beside a `run.json` with the rest. Both are untrusted: an invalid
line is an error that names the file and the line.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, Final

from evalsuite import run_folder_v1
from evalsuite.errors import BackendError, ErrorCode, RunError
from evalsuite.models.token_count import token_count
from evalsuite.run_json import SCHEMA, read_run_json
from evalsuite.util.checksum import line_key, read_checked_jsonl
from evalsuite.util.file_digest import sha256_of
from evalsuite.util.gzip_file import GzipError, GzipTooLargeError, open_gzip
from evalsuite.util.jsonl import JsonLine, JsonLineError, read_jsonl

RUN_SETTING: Final = "run"
"""The setting of responses from a run folder."""


@dataclass(frozen=True, slots=True)
class RecordingFile:
    """One file of recorded responses."""

    path: Path
    run: Mapping[str, Any] = field(default_factory=dict)
    """The run.json of a journal in a run folder; empty for a file of another harness."""

    @property
    def task(self) -> str:
        """The task of a journal in a run folder."""
        return self.path.name.partition(".")[0]

    @property
    def model(self) -> str:
        """The model of a run folder."""
        return answering_model(self.run)

    def error(self, line: int, problem: str) -> BackendError:
        """Return the error for an invalid line."""
        return BackendError(
            ErrorCode.RECORDING_MALFORMED, f"replay/{self.path}: line {line} {problem}; correct or remove it"
        )

    def sha256(self) -> str:
        """Return the SHA-256 of the file as it is stored."""
        return sha256_of(self.path)


@dataclass(frozen=True, slots=True)
class RecordedRow:
    """One recorded response; its texts are still in `fields`."""

    source: RecordingFile
    line: int
    benchmark: str
    item: str
    model: str
    setting: str
    fields: Mapping[str, Any]

    def text(self, name: str) -> str:
        """Return a required field; null is the empty response that some harnesses store."""
        if name not in self.fields:
            raise self.source.error(self.line, f"has no {name!r}")
        value = self.fields[name]
        if value is not None and not isinstance(value, str):
            raise self.source.error(self.line, f"has no text in {name!r}")
        return value or ""

    def count(self, name: str) -> int | None:
        """Return an optional field with a count; None if it is absent or not a natural number."""
        return token_count(self.fields.get(name))


def answering_model(run: Mapping[str, Any]) -> str:
    """Return the model that answered the run of a run.json; for a replay, the models whose responses it replayed."""
    name = str(run["identity"]["model"])
    replayed = run.get("backend", {}).get("models") if name.startswith("replay/") else None
    return " + ".join(map(str, replayed)) if replayed else name


def find_recordings(path: Path) -> list[RecordingFile]:
    """Return the recordings at `path`: a file, a folder of files, or a run folder."""
    if path.is_dir():
        folder = path / "responses" if (path / "run.json").is_file() else path
        files = sorted(file for file in folder.glob("*.jsonl*") if file.name.endswith((".jsonl", ".jsonl.gz")))
        if not files:
            raise BackendError(
                ErrorCode.RECORDING_NOT_FOUND,
                f"replay/{path}: no .jsonl or .jsonl.gz file in it; name a folder or file of responses",
            )
    elif path.is_file():
        files = [path]
    else:
        raise BackendError(ErrorCode.RECORDING_NOT_FOUND, f"replay/{path}: no such file or folder; check the path")
    return [RecordingFile(file, _run_json(file)) for file in files]


def read_rows(source: RecordingFile) -> Iterator[RecordedRow]:
    """Read a file as a stream; a line that is no recorded response is a `BackendError`."""
    try:
        with open_gzip(source.path) if source.path.name.endswith(".gz") else source.path.open("rb") as stored:
            yield from _parse_lines(source, stored)
    except (OSError, GzipError, GzipTooLargeError) as error:
        raise BackendError(
            ErrorCode.RECORDING_MALFORMED, f"replay/{source.path}: can't be read: {error}; fetch or write it again"
        ) from None


def _parse_lines(source: RecordingFile, lines: BinaryIO) -> Iterator[RecordedRow]:
    count = 0
    try:
        for line in _journal_lines(source, lines) if source.run else read_jsonl(lines, skip_blank=True):
            if not isinstance(line.value, dict):
                raise source.error(line.number, "is not a JSON object")
            yield _parse_row(source, line.number, line.value)
            count = line.number
    except JsonLineError as error:
        raise source.error(error.number, error.reason) from None
    counted = source.run.get("journals", {}).get(source.task, 0)
    if count < counted:
        raise source.error(count + 1, f"is missing: run.json counts {counted} lines")


def _journal_lines(source: RecordingFile, lines: BinaryIO) -> Iterator[JsonLine]:
    """Yield the lines of a run's journal, but for an incomplete last one, which a kill leaves."""
    key = line_key(str(source.run["journal_id"]), source.task)
    return read_checked_jsonl(lines, key, required=source.run["began_as"] == SCHEMA)


def _parse_row(source: RecordingFile, number: int, fields: dict[str, Any]) -> RecordedRow:
    keys: tuple[object, ...] = tuple(map(fields.get, ("benchmark", "item_id", "model", "setting")))
    if source.run:
        fields = run_folder_v1.upgrade_record(fields)
        keys = (source.task, fields.get("item"), source.model, RUN_SETTING)
    benchmark, item, model, setting = (str(value) if isinstance(value, str | int) else "" for value in keys)
    if not (benchmark and item and model and setting):
        raise source.error(number, f"has no {'item' if source.run else 'benchmark, item_id, model or setting'}")
    return RecordedRow(source, number, benchmark, item, model, setting, fields)


def _run_json(file: Path) -> Mapping[str, Any]:
    """Return the run.json of a journal in a run folder; empty for any other file."""
    path = file.parent.parent / "run.json"
    if file.parent.name != "responses" or not path.is_file():
        return {}
    try:
        run = read_run_json(path)
        if not (run["identity"]["model"] and isinstance(run.get("backend", {}), dict)):
            raise RunError(ErrorCode.RUN_UNREADABLE, f"{path}: names no model")
    except RunError as error:
        raise BackendError(error.code, f"{error}; so {file.name} beside it can't be replayed") from None
    return run
