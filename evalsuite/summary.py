"""From a run's journal to grades.parquet and summary.json: what reports, comparisons and gates read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from itertools import islice
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow.json import ParseOptions, read_json

from evalsuite import answer
from evalsuite.errors import RunError
from evalsuite.grade import Grade, grade
from evalsuite.journal import SCHEMA, Record, RunFolder, disk_error
from evalsuite.models.backend import Request
from evalsuite.models.floor import longest, majority
from evalsuite.plan import Bench, Plan
from evalsuite.stats.averages import macro
from evalsuite.stats.estimate import Estimate, mean
from evalsuite.task import Item

UNANSWERED = "unanswered"
"""Status of a sample that has no response; it counts as wrong, like every status but `ok`."""
EXAMPLES = 3
_BATCH = 4096

Json = dict[str, Any]

GRADES = pa.schema(
    [
        ("task", pa.string()),
        ("item", pa.string()),
        ("sample", pa.int32()),
        ("group", pa.string()),
        ("gold", pa.string()),
        ("label", pa.string()),
        ("status", pa.string()),
        ("correct", pa.bool_()),
        ("span_start", pa.int64()),
        ("span_end", pa.int64()),
        ("label_lenient", pa.string()),
        ("status_lenient", pa.string()),
        ("correct_lenient", pa.bool_()),
        ("span_start_lenient", pa.int64()),
        ("span_end_lenient", pa.int64()),
        ("form", pa.string()),
        ("finish", pa.string()),
        ("input_tokens", pa.int64()),
        ("output_tokens", pa.int64()),
        ("latency", pa.float64()),
        ("meta", pa.string()),
    ]
)
"""A row a sample, null where nothing came back; `meta` is a JSON object of the item's subgroups."""


@dataclass(slots=True)
class Example:
    """An invalid response, kept to be shown."""

    task: str
    grade: Grade
    record: Record


@dataclass(slots=True)
class Summary:
    """What summary.json holds, and what only the terminal shows."""

    content: Json
    examples: list[Example] = field(default_factory=list)


def summarise(folder: RunFolder, plan: Plan, benches: Iterable[Bench], run: str) -> Summary:
    """Grade every response of the journal, write grades.parquet and summary.json, and return the latter."""
    tasks: dict[str, Json] = {}
    strict: list[Estimate] = []
    examples: list[Example] = []
    try:
        with pq.ParquetWriter(folder.path / "grades.parquet", GRADES, compression="zstd") as table:
            for bench in benches:
                tally = _Tally(bench, plan.samples)
                for batch in _batches(tally.rows(folder, examples)):
                    table.write_table(_table(batch))
                tasks[bench.name], accuracy = tally.summary()
                strict.append(accuracy)
    except OSError as error:
        raise disk_error(folder.path / "grades.parquet", error) from None
    average = macro(strict)
    content = {
        "schema": SCHEMA,
        "model": plan.model,
        "run": run,
        "parser": answer.VERSION,
        "decoding": asdict(plan.settings.decoding),
        "tasks": tasks,
        "macro": average._asdict(),
    }
    folder.write_json("summary.json", content)
    return Summary(content, examples)


class _Tally:
    """Counts over one task."""

    def __init__(self, bench: Bench, samples: int) -> None:
        self.bench, self.samples = bench, samples
        self.items: dict[str, Item] = {item.id: item for item in bench.items}
        self.place = {name: place for place, name in enumerate(self.items)}
        self.strict = np.zeros(len(self.items))
        self.lenient = np.zeros(len(self.items))
        self.status: Counter[str] = Counter()
        self.status_lenient: Counter[str] = Counter()
        self.tokens: Counter[str] = Counter()

    def rows(self, folder: RunFolder, examples: list[Example]) -> Iterator[Json]:
        """Grade the journal's records, then fill in what has no response."""
        seen: set[tuple[str, int]] = set()
        for record in folder.records(self.bench.name):
            item = self.items.get(record.item)
            if item is None or (record.item, record.sample) in seen:
                raise RunError(f"{folder.journal(self.bench.name)}: {record.item} is unknown or answered twice")
            seen.add((record.item, record.sample))
            found = grade(item, record, self.bench.asked)
            self._count(found, record)
            if found.strict.status != "ok" and len(examples) < EXAMPLES:
                examples.append(Example(self.bench.name, found, record))
            yield _row(self.bench.name, item, found, record)
        for item in self.items.values():
            for sample in range(self.samples):
                if (item.id, sample) not in seen:
                    self.status[UNANSWERED] += 1
                    self.status_lenient[UNANSWERED] += 1
                    yield _empty_row(self.bench.name, item, sample)

    def _count(self, found: Grade, record: Record) -> None:
        place = self.place[found.item]
        self.strict[place] += found.strict.correct
        self.lenient[place] += found.lenient.correct
        self.status[found.strict.status] += 1
        self.status_lenient[found.lenient.status] += 1
        self.tokens["input"] += record.input_tokens or 0
        self.tokens["output"] += record.output_tokens or 0

    def summary(self) -> tuple[Json, Estimate]:
        """The task's entry in summary.json, and its accuracy."""
        dataset, items = self.bench.dataset, list(self.items.values())
        groups = [item.group for item in items]
        accuracy = mean(self.strict / self.samples, groups, self.samples)
        lenient = mean(self.lenient / self.samples, groups, self.samples)
        return {
            **self.bench.identity,
            "items": len(dataset.items),
            "samples": self.samples,
            "accuracy": _ends(accuracy),
            "accuracy_lenient": _ends(lenient),
            "status": dict(self.status.most_common()),
            "status_lenient": dict(self.status_lenient.most_common()),
            "floor": {"majority": _floor(self.bench, majority), "longest": _floor(self.bench, longest)},
            "chance": float(np.mean([1 / len(item.labels) for item in items])),
            "tokens": dict(self.tokens),
            "notes": list(self.bench.notes),
        }, accuracy


def _ends(estimate: Estimate) -> Json:
    return estimate._asdict()


def _floor(bench: Bench, rule: Any) -> float:
    """Accuracy of a rule that knows no medicine on the items of this run, the rule made from the whole task."""
    choose = rule(bench.dataset)
    hits = [choose(Request(bench.name, item, 0, (), 0)) == item.gold for item in bench.items]
    return float(np.mean(hits))


def _row(task: str, item: Item, found: Grade, record: Record) -> Json:
    strict, lenient = found.strict, found.lenient
    return {
        **_empty_row(task, item, found.sample),
        "label": strict.label,
        "status": strict.status,
        "correct": strict.correct,
        "span_start": strict.span and strict.span[0],
        "span_end": strict.span and strict.span[1],
        "label_lenient": lenient.label,
        "status_lenient": lenient.status,
        "correct_lenient": lenient.correct,
        "span_start_lenient": lenient.span and lenient.span[0],
        "span_end_lenient": lenient.span and lenient.span[1],
        "form": found.form,
        "finish": record.finish,
        "input_tokens": record.input_tokens,
        "output_tokens": record.output_tokens,
        "latency": record.latency,
    }


def _empty_row(task: str, item: Item, sample: int) -> Json:
    return {
        "task": task,
        "item": item.id,
        "sample": sample,
        "group": item.group or item.id,
        "gold": item.gold,
        "status": UNANSWERED,
        "correct": False,
        "status_lenient": UNANSWERED,
        "correct_lenient": False,
        "meta": orjson.dumps(dict(item.meta)).decode(),
    }


def _table(rows: Iterable[Json]) -> pa.Table:
    """Rows as an Arrow table, by way of JSON lines: from Python objects pyarrow would import pandas first."""
    lines = b"\n".join(map(orjson.dumps, rows))
    return read_json(pa.BufferReader(lines), parse_options=ParseOptions(explicit_schema=GRADES))


def _batches(rows: Iterator[Json]) -> Iterator[list[Json]]:
    while batch := list(islice(rows, _BATCH)):
        yield batch
