"""The run folder that a log becomes."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

import evalsuite
from evalsuite.errors import RunError
from evalsuite.grading.grade import grade
from evalsuite.interop.importing import own_task
from evalsuite.interop.importing.external_task import ExternalTask
from evalsuite.interop.importing.log import DECODING, HarnessLog, LoggedQuestion
from evalsuite.interop.importing.match import TaskMatch, keys
from evalsuite.models.backend import Request, Response
from evalsuite.run.identity import digest
from evalsuite.run.prepared import PreparedTask
from evalsuite.run.summary import Summary, parser_of, summarise
from evalsuite.run_folder import SCHEMA, ResponseRecord, RunFolder, RunWriter, disk_error
from evalsuite.tasks.item import Item
from evalsuite.util.atomic_write import new_partial_folder, partial_folder
from evalsuite.util.file_digest import sha256_of

THEIRS = "theirs.parquet"
"""The harness's own scores of responses that were graded here: task, item, sample, score, metric."""


@dataclass(frozen=True, slots=True)
class ImportedTask:
    """A log, and how it is to be graded: here, where it is joined with our items and its format is known."""

    log: HarnessLog
    match: TaskMatch | None
    format: str | None


def write_run(out: Path, imports: Sequence[ImportedTask], data_dir: Path | None) -> Summary:
    """Write logs of one model as the run folder `out`, which must not exist; a failure leaves nothing there."""
    if out.exists() and not (out.is_dir() and not any(out.iterdir())):
        raise RunError(f"{out}: exists already; choose another --out")
    partial = partial_folder(out)
    try:
        new_partial_folder(out)
        summary = _write(RunFolder(partial / out.name), imports, data_dir)  # the folder's name goes into the summary
        if out.exists():
            out.rmdir()
        (partial / out.name).replace(out)
    except OSError as error:
        raise disk_error(out, error) from None
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return summary


def _write(folder: RunFolder, imports: Sequence[ImportedTask], data_dir: Path | None) -> Summary:
    theirs: list[dict[str, Any]] = []
    with folder.writing() as writer:
        prepared_tasks = [_journal(writer, each, theirs) for each in imports]
        names = [prepared.name for prepared in prepared_tasks]
        if len(set(names)) < len(names):
            raise RunError(f"the logs hold {', '.join(sorted(names))}: the same task twice; import them one by one")
        folder.write_json("run.json", _about(imports, prepared_tasks, data_dir))
    if theirs:
        pq.write_table(pa.Table.from_pylist(theirs), folder.path / THEIRS, compression="zstd")
    return summarise(folder, prepared_tasks)


def _journal(writer: RunWriter, each: ImportedTask, theirs: list[dict[str, Any]]) -> PreparedTask | ExternalTask:
    """Put a log's replies into the journal, and grade them where that is ours to do."""
    if each.match is None or each.format is None:
        foreign = ExternalTask(each.log, tuple(_why(each)))
        foreign.check()
        pairs = list(zip(foreign.items, each.log.questions, strict=True))
        for _ in _records(writer, foreign.name, pairs, scored=True):
            pass
        return foreign
    prepared = own_task.prepared_task(each.log, each.match, each.format)
    places = keys(each.match)
    pairs = [(item, each.log.questions[places[item.id]]) for item in prepared.items]
    differ = total = 0
    for item, record, score in _records(writer, prepared.name, pairs, scored=False):
        row = {
            "task": prepared.name,
            "item": item.id,
            "sample": record.sample,
            "score": score,
            "metric": each.log.metric,
        }
        theirs.append(row)
        if score is not None:
            total += 1
            differ += score != grade(item, record, prepared.prompt_setup).strict.correct
    note = f"{each.log.tool}'s own {each.log.metric} differs from our strict verdict (parser {prepared.parser})"
    return own_task.with_note(prepared, f"{note} on {differ:,} of {total:,} responses") if total else prepared


def _why(each: ImportedTask) -> Iterator[str]:
    if each.match is not None and each.log.generated:
        yield (
            f"these are items of {each.match.dataset.task.name}, but which answer format was asked for isn't plain: "
            "with --format our parser grades them"
        )


def _records(
    writer: RunWriter, task: str, pairs: Sequence[tuple[Item, LoggedQuestion]], scored: bool
) -> Iterator[tuple[Item, ResponseRecord, float | None]]:
    """Write each reply that came back; with `scored`, one without a score is noted as failed, and counts as wrong."""
    for item, question in pairs:
        sent = hashlib.blake2b(question.prompt.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()
        for sample, reply in enumerate(question.replies):
            request = Request(task, item, sample, (), 0)
            error = reply.error or ("the log holds no score of it" if scored and reply.score is None else None)
            response = Response(
                request,
                text=reply.text,
                reasoning=reply.reasoning,
                finish=reply.finish,
                opens_reasoning=reply.opens_reasoning,
                input_tokens=reply.input_tokens,
                output_tokens=reply.output_tokens,
                latency=reply.latency,
                error=error,
            )
            if error is None:
                yield item, writer.append(response, sent), reply.score
            else:
                writer.fail(response)


def _about(
    imports: Sequence[ImportedTask], prepared_tasks: Sequence[PreparedTask | ExternalTask], data_dir: Path | None
) -> dict[str, Any]:
    """The content of run.json."""
    logs = [each.log for each in imports]
    files = {file: sha256_of(file) for log in logs for file in log.files}
    model = f"imported/{logs[0].model}"
    tasks = {prepared.name: prepared.identity for prepared in prepared_tasks}
    identity = {
        "model": model,
        "revision": digest(sorted(files.values())),
        "adapter": None,
        "chat_template": None,
        "args": {},
        "decoding": _decoding(logs),
        "samples": logs[0].samples,
        "limit": None,
        "tasks": tasks,
    }
    now = datetime.now(UTC).isoformat(timespec="seconds")
    return {
        "schema": SCHEMA,
        "evalsuite": evalsuite.__version__,
        "parser": parser_of(prepared_tasks),
        "identity": identity,
        "identity_digest": digest(identity),
        "spec": {"model": model, "tasks": list(tasks), "system": None, "data_dir": str(data_dir) if data_dir else None},
        "imported": {
            "at": now,
            "tools": sorted({log.tool for log in logs}),
            "files": [f"{file} sha256:{sha256}" for file, sha256 in files.items()],
        },
        "prompt_setups": {
            prepared.name: prepared.to_json() for prepared in prepared_tasks if isinstance(prepared, PreparedTask)
        },
        "notes": {prepared.name: list(prepared.notes) for prepared in prepared_tasks},
        "started": min(log.begun for log in logs) or None,
        "regraded": [],
        "ended": {"status": "finished", "at": now, "reason": None},
    }


def _decoding(logs: Sequence[HarnessLog]) -> Mapping[str, Any]:
    """What all logs say alike; None: they don't say, or not the same."""
    said = {name: {repr(log.decoding.get(name)) for log in logs} for name in DECODING}
    return {name: logs[0].decoding.get(name) if len(said[name]) == 1 else None for name in DECODING}
