"""Files of recorded responses, row by row: JSON lines (gzip or not) written elsewhere, or a run folder of ours.

A row of the first kind names its `benchmark`, `item_id`, `model` and `setting`; a row of the second stands in
`responses/<task>.jsonl` below a `run.json` that says the rest. Both are untrusted: a line that isn't such a row is an
error that names the file and the line.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, Final

import orjson

from evalsuite import schema_v1
from evalsuite.errors import BackendError
from evalsuite.util.file_digest import sha256_of
from evalsuite.util.jsonl import JsonLineError, read_jsonl

RUN_SETTING: Final = "run"
"""The setting of responses that a run folder of ours holds."""


@dataclass(frozen=True, slots=True)
class RecordingFile:
    """One file of recorded responses."""

    path: Path
    run: Mapping[str, Any] = field(default_factory=dict)
    """Of a journal of ours: its run.json."""

    @property
    def task(self) -> str:
        """The task that a journal of ours is about."""
        return self.path.name.partition(".")[0]

    @property
    def model(self) -> str:
        """Who answered a run of ours."""
        return answering_model(self.run)

    def error(self, line: int, what: str) -> BackendError:
        """Say in one line what is wrong with a row."""
        return BackendError(f"replay/{self.path}: line {line} {what}; mend it or take it out")

    def sha256(self) -> str:
        """Hash the file as it is stored."""
        return sha256_of(self.path)


@dataclass(frozen=True, slots=True)
class RecordedRow:
    """One recorded response, its texts still among `fields`."""

    source: RecordingFile
    line: int
    benchmark: str
    item: str
    model: str
    setting: str
    fields: Mapping[str, Any]

    def text(self, name: str) -> str:
        """A field that must be there; null is the empty response that some harnesses store."""
        if name not in self.fields:
            raise self.source.error(self.line, f"has no {name!r}")
        value = self.fields[name]
        if value is not None and not isinstance(value, str):
            raise self.source.error(self.line, f"has no text in {name!r}")
        return value or ""

    def count(self, name: str) -> int | None:
        """A field that may hold a count."""
        value = self.fields.get(name)
        return value if isinstance(value, int) and value >= 0 else None


def answering_model(run: Mapping[str, Any]) -> str:
    """Who answered the run of a run.json; a replay goes by the models that it replayed."""
    name = str(run["identity"]["model"])
    made = run.get("backend", {}).get("models") if name.startswith("replay/") else None
    return " + ".join(map(str, made)) if made else name


def find(path: Path) -> list[RecordingFile]:
    """Return the files at `path`: a file, a folder of files, or a run folder of ours."""
    if path.is_dir():
        home = path / "responses" if (path / "run.json").is_file() else path
        files = sorted(file for file in home.glob("*.jsonl*") if file.name.endswith((".jsonl", ".jsonl.gz")))
        if not files:
            raise BackendError(f"replay/{path}: holds no .jsonl or .jsonl.gz file; name a folder or file of responses")
    elif path.is_file():
        files = [path]
    else:
        raise BackendError(f"replay/{path}: no such file or folder")
    return [RecordingFile(file, _run_facts(file)) for file in files]


def rows(source: RecordingFile) -> Iterator[RecordedRow]:
    """Read a file as a stream; a line that is no recorded response is a `BackendError`."""
    try:
        with source.path.open("rb") as stored:
            if source.path.name.endswith(".gz"):
                with gzip.GzipFile(fileobj=stored) as unpacked:
                    yield from _rows(source, unpacked)
            else:
                yield from _rows(source, stored)
    except (OSError, EOFError, zlib.error) as error:
        raise BackendError(f"replay/{source.path}: can't be read: {error}") from None


def _rows(source: RecordingFile, lines: BinaryIO | gzip.GzipFile) -> Iterator[RecordedRow]:
    try:
        # A crash can leave a journal of ours with an incomplete last line, which a resumed run drops as well.
        for line in read_jsonl(lines, skip_blank=True, skip_incomplete=bool(source.run)):
            if not isinstance(line.value, dict):
                raise source.error(line.number, "is not a JSON object")
            yield _row(source, line.number, line.value)
    except JsonLineError as error:
        raise source.error(error.number, error.reason) from None


def _row(source: RecordingFile, number: int, fields: dict[str, Any]) -> RecordedRow:
    named: tuple[object, ...] = tuple(map(fields.get, ("benchmark", "item_id", "model", "setting")))
    if source.run:
        fields = schema_v1.upgrade_record(fields)
        named = (source.task, fields.get("item"), source.model, RUN_SETTING)
    benchmark, item, model, setting = (str(value) if isinstance(value, str | int) else "" for value in named)
    if not (benchmark and item and model and setting):
        raise source.error(number, f"has no {'item' if source.run else 'benchmark, item_id, model or setting'}")
    return RecordedRow(source, number, benchmark, item, model, setting, fields)


def _run_facts(file: Path) -> Mapping[str, Any]:
    facts = file.parent.parent / "run.json"
    if file.parent.name != "responses" or not facts.is_file():
        return {}
    try:
        run: dict[str, Any] = orjson.loads(facts.read_bytes())
        if not (run["identity"]["model"] and isinstance(run.get("backend", {}), dict)):
            raise ValueError("no model")
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        raise BackendError(f"{facts}: not the run.json of a run, so {file.name} beside it can't be replayed") from None
    return schema_v1.upgrade_run(run) if run.get("schema") == 1 else run
