"""Runs for the tests of what people read: made up where only numbers matter, replayed where responses do."""

import json
import os
import shutil
import signal
import tomllib
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, settings

from evalsuite.cli import main
from evalsuite.data import item_generator
from evalsuite.data.load import load
from evalsuite.run.summary import GRADES
from evalsuite.stats.intervals import mean
from evalsuite.stats.macro_average import macro
from evalsuite.tasks.answer_format import write
from evalsuite.tasks.registry import load_task
from evalsuite.tasks.schema import Task
from evalsuite.util.checksum import with_checksum
from evalsuite.util.file_digest import sha256_of

# A loaded machine draws and runs examples slowly, which is no fault of a property.
settings.register_profile("any load", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any load")

# A shell that starts the tests in the background has them, and all that they start, ignore Ctrl-C.
signal.signal(signal.SIGINT, signal.default_int_handler)

STARTER = ("starter_vignette", "starter_recall", "starter_evidence", "starter_differential")
DECODING = {
    "temperature": 0.0,
    "top_p": 1.0,
    "max_tokens": 4096,
    "seed": 0,
    "thinking": "auto",
    "thinking_budget": None,
}


class Answers:
    """The verdicts on one task: an array of one an item, or of shape (items, samples); and what else a test says.

    `status`: of the same shape; `groups`, `ids`: one an item; `wrong`: the label of wrong answers; further keywords are
    facts of the task in summary.json.
    """

    def __init__(self, correct, lenient=None, status=None, groups=None, ids=None, gold="A", wrong="B", **facts):
        self.correct = _column(correct)
        self.lenient = self.correct if lenient is None else _column(lenient)
        self.items, self.samples = self.correct.shape
        self.status = _column(np.full(self.correct.shape, "ok") if status is None else status, object)
        self.ids = [f"i{n:04d}" for n in range(self.items)] if ids is None else list(ids)
        self.groups = self.ids if groups is None else list(groups)
        self.gold, self.wrong, self.facts = gold, wrong, facts

    @property
    def estimates(self):
        return [mean(each.mean(axis=1), self.groups, self.samples) for each in (self.correct, self.lenient)]

    def rows(self, task: str) -> pa.Table:
        """grades.parquet of this task."""
        count = self.correct.size
        right, lenient, status = self.correct.ravel(), self.lenient.ravel(), self.status.ravel()
        labels = np.where(right, self.gold, self.wrong)
        columns = {
            "task": [task] * count,
            "item": np.repeat(self.ids, self.samples),
            "rotation": [0] * count,
            "sample": np.tile(np.arange(self.samples), self.items),
            "group": np.repeat(self.groups, self.samples),
            "gold": [self.gold] * count,
            "label": [label if each == "ok" else None for label, each in zip(labels, status, strict=True)],
            "status": status,
            "correct": right,
            "label_lenient": np.where(lenient, self.gold, self.wrong),
            "status_lenient": ["ok"] * count,
            "correct_lenient": lenient,
            "finish": ["stop"] * count,
            "meta": [json.dumps({"half": "ab"[n % 2]}) for n in range(count)],
        }
        empty = pa.nulls(count)
        arrays = [pa.array(columns[each.name]) if each.name in columns else empty for each in GRADES]
        return pa.table([array.cast(each.type) for array, each in zip(arrays, GRADES, strict=True)], schema=GRADES)

    def facts_of(self, settings: dict[str, object]) -> dict[str, object]:
        """The task in summary.json."""
        strict, lenient = self.estimates
        return {
            "version": settings.get("version", 1),
            "data_digest": settings.get("data", "d" * 64),
            "variant": "",
            "prompt_digest": settings.get("prompt", "p"),
            "format": settings.get("format", "answer_tag"),
            "n": self.items,
            "items": settings.get("items", self.items),
            "samples": self.samples,
            "accuracy": strict._asdict(),
            "accuracy_lenient": lenient._asdict(),
            "status": dict(Counter(self.status.ravel().tolist())),
            "status_lenient": {"ok": self.correct.size},
            "trivial_baselines": {"majority": 0.3, "longest": 0.25},
            "chance": 0.25,
            "tokens": {"input": 0, "output": 0},
            "notes": [],
            **self.facts,
        }


def _column(values: object, kind: type = bool) -> np.ndarray:
    array = np.asarray(values, dtype=kind)
    return array.reshape(len(array), -1)


def _made(path: Path, model: str, tasks: dict[str, object], **settings: object) -> Path:
    """Write summary.json and grades.parquet of a run that got these items right.

    A task's entry is its verdicts, one an item, or (verdicts, names of the items), or `Answers`. Settings: prompt,
    format, decoding, data, parser, version, items (of the whole task).
    """
    given = {task: _answers(each) for task, each in tasks.items()}
    path.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.concat_tables(each.rows(task) for task, each in given.items()), path / "grades.parquet")
    task_summaries = {task: each.facts_of(settings) for task, each in given.items()}
    average = macro([each.estimates[0] for each in given.values()])
    summary = {"schema": 3, "model": model, "run": path.name, "parser": settings.get("parser", "1")}
    summary |= {"decoding": settings.get("decoding", DECODING), "tasks": task_summaries, "macro": average._asdict()}
    summary["digests"] = {"grades": sha256_of(path / "grades.parquet"), "responses": {}}
    (path / "summary.json").write_bytes(orjson.dumps(with_checksum(summary)))
    return path


def pytest_report_teststatus(report: pytest.TestReport) -> tuple[str, str, str] | None:
    """Count the tests that were skipped for lack of ../shared separately in the last line: none is skipped silently."""
    reason = report.longrepr[2] if report.skipped and isinstance(report.longrepr, tuple) else ""
    lacking = reason.removeprefix("Skipped: needs ")
    return (f"skipped: need {lacking}", "s", "SKIPPED") if lacking.startswith("../shared/") else None


@pytest.fixture(scope="session")
def mirror() -> Path:
    """The local mirror of the benchmarks' files; tests that need it are skipped if it is absent."""
    folder = Path(__file__).parents[2] / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("needs ../shared/data")
    return folder


def _answers(given: object) -> Answers:
    if isinstance(given, Answers):
        return given
    return Answers(given[0], ids=given[1]) if isinstance(given, tuple) else Answers(given)


def pytest_ignore_collect(collection_path, config):
    """Leave the folder of integration tests alone unless they are requested: importing them needs every extra."""
    if config.option.markexpr == "not integration" and collection_path == Path(__file__).parent / "integration":
        return True
    return None


@pytest.fixture(scope="session")
def answers() -> type[Answers]:
    """The class `Answers`."""
    return Answers


@pytest.fixture
def made(tmp_path: Path) -> Callable[..., Path]:
    """A run of made-up verdicts: made(name, {task: verdicts}, ...)."""

    def make(name: str, tasks: dict[str, object], model: str | None = None, **settings: object) -> Path:
        return _made(tmp_path / "made" / name, model or f"openai/{name}", tasks, **settings)

    return make


@pytest.fixture(scope="session")
def copied() -> Callable[[Path], Path]:
    """The function that copies a run folder to a place beside it: the same run, but not the same folder."""

    def copy(run: Path) -> Path:
        return shutil.copytree(run, run.with_name(f"{run.name}_copy"), dirs_exist_ok=True)

    return copy


def replayed(place: Path, model: str, text: Callable[..., str], tasks: tuple[str, ...] = STARTER) -> Path:
    """Run `evalsuite run` on a recording in which a model answers each starter item with `text(item, number, say)`.

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


@pytest.fixture(scope="session")
def _declared(tmp_path_factory) -> tuple[Path, Path]:
    """A folder that holds an installed package's metadata with the entry points of pyproject.toml, and a cache."""
    root = Path(__file__).parents[1]
    declared = tomllib.loads((root / "pyproject.toml").read_text())["project"]["entry-points"]
    place = tmp_path_factory.mktemp("declared")
    metadata = place / "evalsuite-0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: evalsuite\nVersion: 0\n")
    origin = {"dir_info": {"editable": True}, "url": root.as_uri()}  # inspect-ai asks for it
    (metadata / "direct_url.json").write_text(json.dumps(origin))
    lines = [line for group, names in declared.items() for line in (f"[{group}]", *map(" = ".join, names.items()))]
    (metadata / "entry_points.txt").write_text("\n".join(lines) + "\n")
    return place, tmp_path_factory.mktemp("cache")


@pytest.fixture
def declared_entry_points(_declared, monkeypatch) -> None:
    """What pyproject.toml declares is installed, here and for commands, also where an older state of it was installed.

    Items that are drawn are kept for all tests of the session.
    """
    place, cache = _declared
    monkeypatch.syspath_prepend(str(place))
    path = [str(place), str(Path(__file__).parents[1]), *filter(None, [os.environ.get("PYTHONPATH")])]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(cache))
    item_generator._entry_points.cache_clear()
    yield
    item_generator._entry_points.cache_clear()


@pytest.fixture
def small_rare_disease(declared_entry_points, tmp_path, monkeypatch) -> Task:
    """The benchmark `rare_disease` with 60 items, named `private`: without a lock, as a card of the user."""
    card = (load_task("rare_disease").folder / "task.yaml").read_text()
    for old, new in (("items: 1000", "items: 60"), ("{5: 1000}", "{5: 60}"), ("name: rare_disease", "name: private")):
        assert old in card
        card = card.replace(old, new)
    folder = tmp_path / "own_tasks" / "private"
    folder.mkdir(parents=True)
    (folder / "task.yaml").write_text(card)
    monkeypatch.setenv("EVALSUITE_TASKS", str(folder.parent))
    return load_task("private")
