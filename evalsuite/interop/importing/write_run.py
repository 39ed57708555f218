"""Writes imported logs as a run folder, like one that `evalsuite run` wrote."""

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

from evalsuite.errors import ErrorCode, RunError
from evalsuite.grading.grade import grade
from evalsuite.interop.importing import evalsuite_task
from evalsuite.interop.importing.disagreement import Disagreement, answer_reading
from evalsuite.interop.importing.external_task import ExternalTask
from evalsuite.interop.importing.harness_log import DECODING_FIELDS, HarnessLog, LoggedQuestion, LoggedResponse
from evalsuite.interop.importing.match_items import TaskMatch, question_numbers
from evalsuite.interop.importing.wall_time import wall_seconds
from evalsuite.models.backend import Request, Response
from evalsuite.run.identity import digest
from evalsuite.run.prepared_task import PreparedTask
from evalsuite.run.summary import GradedRun, parser_of, summarise
from evalsuite.run_folder import ResponseRecord, RunFolder, RunWriter, disk_error
from evalsuite.run_json import SCHEMA
from evalsuite.tasks.item import Item
from evalsuite.util.atomic_write import new_partial_folder, partial_folder
from evalsuite.util.file_digest import sha256_of
from evalsuite.version import __version__

HARNESS_SCORES = "harness_scores.parquet"
"""The harness's own scores of responses that evalsuite graded: task, item, sample, score, the label it read, metric."""


@dataclass(frozen=True, slots=True)
class ImportedTask:
    """One log and how it is graded: by evalsuite's parser if both its items and its answer format are known."""

    log: HarnessLog
    match: TaskMatch | None
    format: str | None
    labels: tuple[str, ...] | None = None
    """Labels that the prompts used, by place; None: those of the items."""
    why_external: str = ""
    """Why the harness's scores are the grades although these are items of a known task."""


def write_run(out: Path, imports: Sequence[ImportedTask], data_dir: Path | None) -> GradedRun:
    """Write logs of one model as the run folder `out` and return its summary.

    `out` must not exist or be empty, else it is a `RunError`. A failure leaves nothing there.
    """
    if out.exists() and not (out.is_dir() and not any(out.iterdir())):
        raise RunError(ErrorCode.OUTPUT_EXISTS, f"`out` {out} exists already; choose another folder")
    partial = partial_folder(out)
    try:
        new_partial_folder(out)
        # The summary names its run folder, so the run is written to a folder of its final name inside the partial one.
        graded = _write(RunFolder(partial / out.name), imports, data_dir)
        if out.exists():
            out.rmdir()
        (partial / out.name).replace(out)
    except OSError as error:
        raise disk_error(out, error) from None
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return graded


def _write(folder: RunFolder, imports: Sequence[ImportedTask], data_dir: Path | None) -> GradedRun:
    harness_scores: list[dict[str, Any]] = []
    with folder.writing() as writer:
        tasks = [_write_task(writer, each, harness_scores) for each in imports]
        names = [task.name for task in tasks]
        if len(set(names)) < len(names):
            raise RunError(
                ErrorCode.LOGS_NOT_ONE_RUN,
                f"the logs contain {', '.join(sorted(names))}: the same task twice; import them one by one",
            )
        facts = _run_facts(imports, tasks, data_dir)
        folder.write_json(
            "run.json", facts | {"journal_id": writer.journal_id, "journals": dict(writer.lines), "began_as": SCHEMA}
        )
    if harness_scores:
        pq.write_table(pa.Table.from_pylist(harness_scores), folder.path / HARNESS_SCORES, compression="zstd")
    return summarise(folder, tasks)


def _write_task(
    writer: RunWriter, task: ImportedTask, harness_scores: list[dict[str, Any]]
) -> PreparedTask | ExternalTask:
    """Write a log's responses to the journal; collect the harness's scores of those that evalsuite will grade."""
    if task.match is None or task.format is None:
        external = ExternalTask(task.log, (task.why_external,) if task.why_external else ())
        external.check()
        pairs = list(zip(external.items, task.log.questions, strict=True))
        for _ in _write_responses(writer, external.name, pairs, scored=True):
            pass  # the generator writes as it goes; the scores are graded later, from the log
        return external
    prepared = evalsuite_task.prepared_task(task.log, task.match, task.format, task.labels)
    numbers = question_numbers(task.match)
    pairs = [(item, task.log.questions[numbers[item.id]]) for item in prepared.items]
    scored = ((logged, item) for item, question in pairs for logged in question.responses)
    disagreement = Disagreement(answer_reading(scored, task.labels))
    for item, record, logged in _write_responses(writer, prepared.name, pairs, scored=False):
        disagreement.add(logged, item, None if record is None else grade(item, record, prepared.prompt_setup))
        if record is None:
            continue
        harness_scores.append(
            {
                "task": prepared.name,
                "item": item.id,
                "sample": record.sample,
                "score": logged.score,
                "label": disagreement.label_of(logged, item),
                "metric": task.log.metric,
            }
        )
    if not disagreement.compared:
        return prepared
    return evalsuite_task.with_note(prepared, disagreement.note(task.log.tool, task.log.metric, prepared.parser))


def _write_responses(
    writer: RunWriter, task: str, pairs: Sequence[tuple[Item, LoggedQuestion]], scored: bool
) -> Iterator[tuple[Item, ResponseRecord | None, LoggedResponse]]:
    """Write each response and yield it as it was logged, with its record if there is a response.

    A response that is missing is recorded as failed, so that it counts as wrong; with `scored`, where scores become
    the grades, so is one without a score.
    """
    for item, question in pairs:
        request_digest = hashlib.blake2b(question.prompt.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()
        for sample, logged in enumerate(question.responses):
            error = logged.error or ("the log has no score of it" if scored and logged.score is None else None)
            response = Response(
                Request(task, item, sample, (), 0),
                text=logged.text,
                reasoning=logged.reasoning,
                finish=logged.finish,
                opens_reasoning=logged.opens_reasoning,
                input_tokens=logged.input_tokens,
                output_tokens=logged.output_tokens,
                latency=logged.latency,
                error=error,
            )
            if error is None:
                yield item, writer.append(response, request_digest), logged
            else:
                writer.fail(response)
                yield item, None, logged


def _run_facts(
    imports: Sequence[ImportedTask], tasks: Sequence[PreparedTask | ExternalTask], data_dir: Path | None
) -> dict[str, Any]:
    """Return the content of run.json."""
    logs = [each.log for each in imports]
    files = {file: sha256_of(file) for log in logs for file in log.files}
    model = f"imported/{logs[0].model}"
    identities = {task.name: task.identity for task in tasks}
    identity = {
        "model": model,
        # A log does not identify the weights; the digest of its files takes their place in the run's identity.
        "revision": digest(sorted(files.values())),
        "adapter": None,
        "chat_template": None,
        "args": {},
        "decoding": _decoding(logs),
        "samples": logs[0].samples,
        "limit": None,
        "tasks": identities,
    }
    now = datetime.now(UTC).isoformat(timespec="seconds")
    data = str(data_dir) if data_dir else None
    return {
        "schema": SCHEMA,
        "evalsuite": __version__,
        "parser": parser_of(tasks),
        "identity": identity,
        "identity_digest": digest(identity),
        "spec": {
            "model": model,
            "tasks": list(identities),
            "system": None,
            "data_dir": data,
            "task_args": {
                task.name: task.dataset.task.given_arguments
                for task in tasks
                if isinstance(task, PreparedTask) and task.dataset.task.given_arguments
            },
        },
        "imported": {
            "at": now,
            "tools": sorted({log.tool for log in logs}),
            "files": [f"{file} sha256:{sha256}" for file, sha256 in files.items()],
            "seconds": wall_seconds([(log.started, log.ended) for log in logs]),
        },
        "prompt_setups": {task.name: task.to_json() for task in tasks if isinstance(task, PreparedTask)},
        "notes": {task.name: list(task.notes) for task in tasks},
        "started": min((log.started for log in logs if log.started), default=None),
        "regraded": [],
        # A log was complete when it was read, so the run is finished; it cannot be resumed.
        "ended": {"status": "finished", "at": now, "reason": None},
    }


def _decoding(logs: Sequence[HarnessLog]) -> Mapping[str, Any]:
    """Return the decoding settings on which all logs agree; None for a setting that differs or is not stated."""
    values = {name: {repr(log.decoding.get(name)) for log in logs} for name in DECODING_FIELDS}
    return {name: logs[0].decoding.get(name) if len(values[name]) == 1 else None for name in DECODING_FIELDS}
