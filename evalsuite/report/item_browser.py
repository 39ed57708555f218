"""The item browser of a report: questions, grades and responses in scripts beside the page, loaded when needed.

A page that is opened from disk may not fetch files, but it may add script elements. Each file is one call with one
JSON value:

    report_items/<task>/items.js             ids, gold labels and questions, in the order of item ids
    report_items/<task>/prompts-<k>.js       the prompts of a slice of the items, if the task's data is available
    report_items/<task>/verdicts-<run>.js    grades by column, in the order (item, rotation, sample)
    report_items/<task>/responses-<run>-<k>.js   responses, in the order of the journal
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from evalsuite.analysis.leaderboard import Leaderboard, NamedRun
from evalsuite.analysis.run_result import ItemScores
from evalsuite.errors import EvalsuiteError
from evalsuite.report.run_names import run_json
from evalsuite.report.script_json import script_json
from evalsuite.run.stored_tasks import dataset_of_run
from evalsuite.run_folder import ResponseRecord, RunFolder
from evalsuite.tasks.item import Dataset
from evalsuite.tasks.prompt import TaskPrompt
from evalsuite.util.atomic_write import atomic_folder

Json = dict[str, Any]
FOLDER = "report_items"
SLICE = 100
"""Prompts per file."""
CHUNK = 400_000
"""Approximate number of characters per file of responses."""
_RECORD_OVERHEAD = 200
"""Characters of a response record besides its texts."""


@dataclass(frozen=True, slots=True)
class ItemSet:
    """The items of one task in one version of its data, and the runs that have responses to them."""

    id: str
    task: str
    entries: tuple[NamedRun, ...]


@dataclass(slots=True)
class WrittenItems:
    """The item sets that the page lists, and the length in characters of each response."""

    contents: list[Json] = field(default_factory=list)
    lengths: dict[tuple[str, str], NDArray[np.int64]] = field(default_factory=dict)
    """By (entry id, task), in the order (item, rotation, sample); -1 where there is no response."""


def write_items(out: Path, board: Leaderboard, data_dir: Path | None) -> WrittenItems:
    """Write the items of a leaderboard's runs below `out` and return what was written."""
    written = WrittenItems()
    with atomic_folder(out / FOLDER) as fresh:
        for item_set in item_sets([row.entry for row in board.rows]):
            (fresh / item_set.id).mkdir()
            scores = {entry.id: board.scores[entry.id, item_set.task] for entry in item_set.entries}
            written.contents.append(_write_item_set(fresh, item_set, scores, data_dir, written))
        shutil.rmtree(out / FOLDER, ignore_errors=True)
    return written


def item_sets(entries: Sequence[NamedRun]) -> list[ItemSet]:
    """Group runs by task and by the digest of its data, since other data hold other items."""
    groups: dict[tuple[str, str], list[NamedRun]] = {}
    for entry in entries:
        for task, summary in entry.result.tasks.items():
            groups.setdefault((task, summary.data_digest), []).append(entry)
    names = [_slug(task) for task, _ in groups]
    return [
        ItemSet(name if names.count(name) == 1 else f"{name}-{_slug(digest)[:8]}-{number}", task, tuple(group))
        for number, (name, ((task, digest), group)) in enumerate(zip(names, groups.items(), strict=True))
    ]


def _slug(text: str) -> str:
    """Return a safe file name for an untrusted text."""
    return re.sub(r"[^a-z0-9_]+", "-", text.lower())[:60]


def _write_item_set(
    folder: Path, item_set: ItemSet, scores: Mapping[str, ItemScores], data_dir: Path | None, written: WrittenItems
) -> Json:
    ids = sorted({str(item) for each in scores.values() for item in each.items})
    dataset, reason = _dataset(item_set, data_dir)
    _write(folder, f"{item_set.id}/items", _items(ids, scores, dataset))
    prompts = _write_prompts(folder, item_set, ids, dataset) if dataset else {}
    runs: Json = {}
    for entry in item_set.entries:
        each = scores[entry.id]
        chunk, lengths = _write_responses(folder, item_set, entry, each)
        written.lengths[entry.id, item_set.task] = lengths
        _write(folder, f"{item_set.id}/verdicts-{entry.id}", _grades(each, ids, chunk, lengths))
        runs[entry.id] = {"rows": len(lengths), "chunks": int(chunk.max()) + 1, "prompt": prompts.get(entry.id)}
    return {
        "id": item_set.id,
        "task": item_set.task,
        "language": dataset.task.language if dataset else "",
        "items": len(ids),
        "slice": SLICE,
        "without": reason,
        "runs": runs,
    }


def _dataset(item_set: ItemSet, data_dir: Path | None) -> tuple[Dataset | None, str | None]:
    """Return the task's data, or None with the reason why its questions can't be shown."""
    wanted = item_set.entries[0].result.tasks[item_set.task].data_digest
    named = (run_json(item_set.entries[0].result).get("spec") or {}).get("data_dir")
    folder = data_dir or (Path(named) if named else None)
    try:
        dataset = dataset_of_run(RunFolder(item_set.entries[0].result.path), item_set.task, folder)
    except EvalsuiteError as error:
        return None, f"The questions aren't shown: {error}"
    if dataset.digest != wanted:
        return None, f"The questions aren't shown: the available data of {item_set.task} is not the data of these runs."
    return dataset, None


def _items(ids: Sequence[str], scores: Mapping[str, ItemScores], dataset: Dataset | None) -> Json:
    gold: dict[str, str] = {}
    for each in scores.values():
        gold.update(zip(each.items, each.of_items("gold"), strict=True))
    known = {item.id: item for item in dataset.items} if dataset else {}
    return {
        "ids": ids,
        "gold": [gold[id] for id in ids],
        "questions": [known[id].question if id in known else "" for id in ids] if dataset else None,
    }


def _write_prompts(folder: Path, item_set: ItemSet, ids: Sequence[str], dataset: Dataset) -> Json:
    """Write the prompts whose digest is the one in the run's summary; return the place of each run's prompts."""
    known = {item.id: item for item in dataset.items}
    places: dict[tuple[str, str | None], int] = {}
    run_places: Json = {}
    rendered: list[list[Any]] = []
    digests: list[str] = []
    for entry in item_set.entries:
        summary = entry.result.tasks[item_set.task]
        setup = (summary.format, (run_json(entry.result).get("spec") or {}).get("system"))
        if setup not in places:
            prompt = TaskPrompt(dataset.task, *setup)
            places[setup] = len(rendered)
            digests.append(prompt.digest)
            rendered.append([prompt.messages(known[id]) if id in known else None for id in ids])
        if digests[places[setup]] == summary.prompt_digest:
            run_places[entry.id] = places[setup]
    for number, start in enumerate(range(0, len(ids), SLICE)):
        part = slice(start, start + SLICE)
        items = [_item(known[id]) if id in known else None for id in ids[part]]
        _write(folder, f"{item_set.id}/prompts-{number}", {"items": items, "prompts": [e[part] for e in rendered]})
    return run_places


def _item(item: Any) -> Json:
    options = list(zip(item.labels, item.options, strict=True))
    return {"context": item.context, "question": item.question, "options": options, "meta": dict(item.meta)}


def _grades(scores: ItemScores, ids: Sequence[str], chunk: NDArray[np.int64], lengths: NDArray[np.int64]) -> Json:
    index = {id: number for number, id in enumerate(ids)}
    table = scores.table
    return {
        "samples": scores.samples,
        "starts": scores.starts,
        "items": [index[str(item)] for item in scores.items],
        "right": _bits(table["correct"]),
        "right_lenient": _bits(table["correct_lenient"]),
        **{
            name: _coded(table[name])
            for name in ("label", "status", "label_lenient", "status_lenient", "form", "finish")
        },
        "spans": [
            table[name].to_pylist() for name in ("span_start", "span_end", "span_start_lenient", "span_end_lenient")
        ],
        "chunk": chunk,
        "length": lengths,
    }


def _bits(column: pa.ChunkedArray) -> str:
    digits: NDArray[np.uint8] = column.to_numpy(zero_copy_only=False).astype(np.uint8) + ord("0")
    return digits.tobytes().decode("ascii")


def _coded(column: pa.ChunkedArray) -> Json:
    """Encode a column with few distinct texts: the texts, and the index of each row's text, -1 for null."""
    encoded = column.combine_chunks().dictionary_encode()
    codes = encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False)
    return {"values": encoded.dictionary.to_pylist(), "codes": codes}


def _write_responses(
    folder: Path, item_set: ItemSet, entry: NamedRun, scores: ItemScores
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Write the responses of a run in chunks; return each row's chunk and length, -1 where there is no response."""
    first_row = {str(item): int(start) for item, start in zip(scores.items, scores.starts, strict=True)}
    chunk = np.full(scores.table.num_rows, -1)
    lengths = np.full(len(chunk), -1)
    for number, records in enumerate(_chunks(RunFolder(entry.result.path).records(item_set.task))):
        for record in records:
            row = first_row.get(record.item, len(chunk)) + record.rotation * scores.samples + record.sample
            if row < len(chunk):
                chunk[row], lengths[row] = number, len(record.text)
        _write(folder, f"{item_set.id}/responses-{entry.id}-{number}", records)
    return chunk, lengths


def _chunks(records: Iterator[ResponseRecord]) -> Iterator[list[ResponseRecord]]:
    chunk: list[ResponseRecord] = []
    size = 0
    for record in records:
        chunk.append(record)
        size += len(record.text) + len(record.reasoning) + _RECORD_OVERHEAD
        if size >= CHUNK:
            yield chunk
            chunk, size = [], 0
    if chunk:
        yield chunk


def _write(folder: Path, key: str, content: Any) -> None:
    body = script_json(content)
    (folder / f"{key}.js").write_bytes(b"evalsuite.put(" + script_json(key) + b", " + body + b");\n")
