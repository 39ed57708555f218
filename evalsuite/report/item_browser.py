"""The items of a report: questions, verdicts and responses as scripts beside the page, each loaded when it is needed.

A page opened from disk may not fetch, but it may add a script element. Each file is one call with one JSON value:

    report_items/<task>/items.js             ids, gold labels and questions, in the order of item ids
    report_items/<task>/prompts-<k>.js       the prompts of a slice of the items, where the task's data is at hand
    report_items/<task>/verdicts-<run>.js    verdicts, a column each, in the order (item, rotation, sample)
    report_items/<task>/responses-<run>-<k>.js   responses, in the order in which they came
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
from evalsuite.report.run_names import facts
from evalsuite.report.script_json import script_json
from evalsuite.run.stored_tasks import dataset_of_run
from evalsuite.run_folder import ResponseRecord, RunFolder
from evalsuite.tasks.item import Dataset
from evalsuite.tasks.prompt import TaskPrompt
from evalsuite.util.atomic_write import atomic_folder

Json = dict[str, Any]
FOLDER = "report_items"
SLICE = 100
"""Prompts in a file."""
CHUNK = 400_000
"""Characters, about, after which the next file of responses begins."""
_RECORD = 200
"""Characters of a response beside its text."""


@dataclass(frozen=True, slots=True)
class RunCard:
    """One task's items in one version of its data, and the runs that answered them."""

    id: str
    task: str
    entries: tuple[NamedRun, ...]


@dataclass(slots=True)
class WrittenItems:
    """What was written: the page's table of contents, and the length in characters of each response."""

    contents: list[Json] = field(default_factory=list)
    lengths: dict[tuple[str, str], NDArray[np.int64]] = field(default_factory=dict)
    """By (entry id, task), in the order (item, rotation, sample); -1 where nothing came back."""


def write_items(out: Path, board: Leaderboard, data_dir: Path | None) -> WrittenItems:
    """Write the items of a board's runs below `out` and say what is there."""
    written = WrittenItems()
    with atomic_folder(out / FOLDER) as fresh:
        for sheet in run_cards([row.entry for row in board.rows]):
            (fresh / sheet.id).mkdir()
            scores = {entry.id: board.scores[entry.id, sheet.task] for entry in sheet.entries}
            written.contents.append(_write_sheet(fresh, sheet, scores, data_dir, written))
        shutil.rmtree(out / FOLDER, ignore_errors=True)
    return written


def run_cards(entries: Sequence[NamedRun]) -> list[RunCard]:
    """Group runs by task and by the digest of its data: other data are other items."""
    groups: dict[tuple[str, str], list[NamedRun]] = {}
    for entry in entries:
        for task, summary in entry.result.tasks.items():
            groups.setdefault((task, summary.data_digest), []).append(entry)
    names = [_slug(task) for task, _ in groups]
    return [
        RunCard(name if names.count(name) == 1 else f"{name}-{_slug(digest)[:8]}-{number}", task, tuple(group))
        for number, (name, ((task, digest), group)) in enumerate(zip(names, groups.items(), strict=True))
    ]


def _slug(text: str) -> str:
    """A file name out of a text that another wrote."""
    return re.sub(r"[^a-z0-9_]+", "-", text.lower())[:60]


def _write_sheet(
    folder: Path, sheet: RunCard, scores: Mapping[str, ItemScores], data_dir: Path | None, written: WrittenItems
) -> Json:
    ids = sorted({str(item) for each in scores.values() for item in each.items})
    dataset, why = _dataset(sheet, data_dir)
    _write(folder, f"{sheet.id}/items", _items(ids, scores, dataset))
    prompts = _write_prompts(folder, sheet, ids, dataset) if dataset else {}
    runs: Json = {}
    for entry in sheet.entries:
        each = scores[entry.id]
        chunk, lengths = _write_responses(folder, sheet, entry, each)
        written.lengths[entry.id, sheet.task] = lengths
        _write(folder, f"{sheet.id}/verdicts-{entry.id}", _verdicts(each, ids, chunk, lengths))
        runs[entry.id] = {"rows": len(lengths), "chunks": int(chunk.max()) + 1, "prompt": prompts.get(entry.id)}
    return {"id": sheet.id, "task": sheet.task, "items": len(ids), "slice": SLICE, "without": why, "runs": runs}


def _dataset(sheet: RunCard, data_dir: Path | None) -> tuple[Dataset | None, str | None]:
    """Find the task's data, or say why its questions can't be shown."""
    wanted = sheet.entries[0].result.tasks[sheet.task].data_digest
    named = (facts(sheet.entries[0].result).get("spec") or {}).get("data_dir")
    place = data_dir or (Path(named) if named else None)
    try:
        dataset = dataset_of_run(RunFolder(sheet.entries[0].result.path), sheet.task, place)
    except EvalsuiteError as error:
        return None, f"The questions aren't shown: {error}"
    if dataset.digest != wanted:
        return None, f"The questions aren't shown: the data of {sheet.task} at hand isn't the data of these runs."
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


def _write_prompts(folder: Path, sheet: RunCard, ids: Sequence[str], dataset: Dataset) -> Json:
    """Render the prompts that can be rendered: those whose digest is the one that the run noted."""
    known = {item.id: item for item in dataset.items}
    slots: dict[tuple[str, str | None], int] = {}
    found: Json = {}
    rendered: list[list[Any]] = []
    digests: list[str] = []
    for entry in sheet.entries:
        summary = entry.result.tasks[sheet.task]
        asked = (summary.format, (facts(entry.result).get("spec") or {}).get("system"))
        if asked not in slots:
            prompt = TaskPrompt(dataset.task, *asked)
            slots[asked] = len(rendered)
            digests.append(prompt.digest)
            rendered.append([prompt.messages(known[id]) if id in known else None for id in ids])
        if digests[slots[asked]] == summary.prompt_digest:
            found[entry.id] = slots[asked]
    for number, start in enumerate(range(0, len(ids), SLICE)):
        part = slice(start, start + SLICE)
        items = [_item(known[id]) if id in known else None for id in ids[part]]
        _write(folder, f"{sheet.id}/prompts-{number}", {"items": items, "prompts": [e[part] for e in rendered]})
    return found


def _item(item: Any) -> Json:
    options = list(zip(item.labels, item.options, strict=True))
    return {"context": item.context, "question": item.question, "options": options, "meta": dict(item.meta)}


def _verdicts(scores: ItemScores, ids: Sequence[str], chunk: NDArray[np.int64], lengths: NDArray[np.int64]) -> Json:
    place = {id: number for number, id in enumerate(ids)}
    table = scores.table
    return {
        "samples": scores.samples,
        "starts": scores.starts,
        "items": [place[str(item)] for item in scores.items],
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
    """A column of few distinct texts: the texts, and a number for each row, -1 for none."""
    encoded = column.combine_chunks().dictionary_encode()
    codes = encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False)
    return {"values": encoded.dictionary.to_pylist(), "codes": codes}


def _write_responses(
    folder: Path, sheet: RunCard, entry: NamedRun, scores: ItemScores
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Write the responses of a run in chunks; returns each row's chunk and length, -1 where nothing came back."""
    place = {str(item): int(start) for item, start in zip(scores.items, scores.starts, strict=True)}
    chunk = np.full(scores.table.num_rows, -1)
    lengths = np.full(len(chunk), -1)
    for number, records in enumerate(_chunks(RunFolder(entry.result.path).records(sheet.task))):
        for record in records:
            row = place.get(record.item, len(chunk)) + record.rotation * scores.samples + record.sample
            if row < len(chunk):
                chunk[row], lengths[row] = number, len(record.text)
        _write(folder, f"{sheet.id}/responses-{entry.id}-{number}", records)
    return chunk, lengths


def _chunks(records: Iterator[ResponseRecord]) -> Iterator[list[ResponseRecord]]:
    chunk: list[ResponseRecord] = []
    size = 0
    for record in records:
        chunk.append(record)
        size += len(record.text) + len(record.reasoning) + _RECORD
        if size >= CHUNK:
            yield chunk
            chunk, size = [], 0
    if chunk:
        yield chunk


def _write(folder: Path, key: str, content: Any) -> None:
    body = script_json(content)
    (folder / f"{key}.js").write_bytes(b"evalsuite.put(" + script_json(key) + b", " + body + b");\n")
