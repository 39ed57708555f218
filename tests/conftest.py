"""Runs for the tests of what people read: made up where only numbers matter, replayed where responses do."""

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from evalsuite.cli import main
from evalsuite.data import load
from evalsuite.formats import write
from evalsuite.stats.averages import macro
from evalsuite.stats.estimate import mean
from evalsuite.summary import GRADES
from evalsuite.task import load_task

STARTER = ("starter_vignette", "starter_recall", "starter_evidence", "starter_differential")
DECODING = {
    "temperature": 0.0,
    "top_p": 1.0,
    "max_tokens": 4096,
    "seed": 0,
    "thinking": "auto",
    "thinking_budget": None,
}


def _made(path: Path, model: str, tasks: dict[str, object], **settings: object) -> Path:
    """Write summary.json and grades.parquet of a run that got these items right.

    A task's entry is its verdicts, one an item, or (verdicts, names of the items). Settings: prompt, format, decoding,
    data, parser, version, items (of the whole task).
    """
    said, rows, estimates = {}, [], []
    for task, given in tasks.items():
        verdicts, names = given if isinstance(given, tuple) else (given, [f"i{n:04d}" for n in range(len(given))])
        right = np.asarray(verdicts, dtype=bool)
        estimates.append(mean(right.astype(float), names))
        said[task] = {
            "version": settings.get("version", 1),
            "data_digest": settings.get("data", "d" * 64),
            "variant": "",
            "prompt_digest": settings.get("prompt", "p"),
            "format": settings.get("format", "answer_tag"),
            "n": len(right),
            "items": settings.get("items", len(right)),
            "samples": 1,
            "accuracy": estimates[-1]._asdict(),
            "accuracy_lenient": estimates[-1]._asdict(),
            "status": {"ok": len(right)},
            "status_lenient": {"ok": len(right)},
            "floor": {"majority": 0.3, "longest": 0.25},
            "chance": 0.25,
            "tokens": {"input": 0, "output": 0},
            "notes": [],
        }
        for name, ok in zip(names, right.tolist(), strict=True):
            label = "A" if ok else "B"
            row = dict.fromkeys(GRADES.names) | {"task": task, "item": name, "sample": 0, "group": name, "gold": "A"}
            row |= {"label": label, "label_lenient": label, "status": "ok", "status_lenient": "ok", "finish": "stop"}
            rows.append(row | {"correct": ok, "correct_lenient": ok, "meta": json.dumps({"half": "ab"[len(rows) % 2]})})
    path.mkdir(parents=True)
    pq.write_table(pa.Table.from_pylist(rows, schema=GRADES), path / "grades.parquet")
    summary = {"schema": 1, "model": model, "run": path.name, "parser": settings.get("parser", "1")}
    summary |= {"decoding": settings.get("decoding", DECODING), "tasks": said, "macro": macro(estimates)._asdict()}
    (path / "summary.json").write_bytes(orjson.dumps(summary))
    return path


@pytest.fixture
def made(tmp_path: Path) -> Callable[..., Path]:
    """A run of made-up verdicts: made(name, {task: verdicts}, ...)."""

    def make(name: str, tasks: dict[str, object], model: str | None = None, **settings: object) -> Path:
        return _made(tmp_path / "made" / name, model or f"openai/{name}", tasks, **settings)

    return make


def replayed(place: Path, model: str, text: Callable[..., str], tasks: tuple[str, ...] = STARTER) -> Path:
    """Really run `evalsuite run` on a recording in which a model said `text(item, number, say)` to each starter item.

    `say(label)` is an answer in the task's format.
    """
    rows = []
    for task in tasks:
        dataset = load(load_task(task))
        say = partial(write, dataset.task.format)
        for number, item in enumerate(dataset.items):
            facts = {
                "benchmark": task,
                "item_id": item.id,
                "model": model,
                "setting": "hand_written",
                "gold": item.gold,
            }
            rows.append(facts | {"n_options": len(item.options), "text": text(item, number, say)})
    place.mkdir(parents=True, exist_ok=True)
    recording = place / "recording.jsonl"
    recording.write_text("".join(json.dumps(row) + "\n" for row in rows))
    out = place / "run"
    assert main(["run", "--model", f"replay/{recording}", "--tasks", ",".join(tasks), "--out", str(out)]) == 0
    return out


@pytest.fixture(scope="session")
def replay() -> Callable[..., Path]:
    """The function `replayed`."""
    return replayed
