"""Whatever stands in the JSON files of a training run, every command ends with its result or with one line."""

import contextlib
import io
import json
import os
import random
import shutil
from itertools import product
from pathlib import Path

import pytest

from evalsuite.analysis.run_result import read_result
from evalsuite.cli import main
from evalsuite.errors import EvalsuiteError
from evalsuite.gate import GatePolicy
from tests.run.edits import edited_bytes, replaced
from training.data.manifest import freeze, read_manifest
from training.pipeline.reuse import reusable_stages
from training.promotion.diagnosis import Cause, Diagnosis
from training.promotion.verdict import judge, record_verdict
from training.recipe import read_recipe
from training.run_folder import TrainingFolder
from training.run_spec import make_spec, read_spec, write_spec

EDITS = int(os.environ.get("EVALSUITE_EDITS", "3"))
TASK = "starter_recall"
RECIPE = read_recipe("reasonmed-8b")
FILES = ("run.json", "stage.json", "gate.json", "manifest.json", "preflight.json", "metrics.jsonl", "mining.jsonl")
FILES += ("completions.jsonl", "data/manifest.json")


@pytest.fixture
def run(tmp_path, replay):
    """A run with a promoted stage, a refused one and one that hasn't started, and its data."""
    data = tmp_path / "data"
    for stage in RECIPE.stages:
        folder = data / stage.data.folder
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "train.jsonl").write_text("{}\n")
        freeze(folder, "Rows.", "CC0-1.0")
    run = TrainingFolder(tmp_path / "run")
    spec = make_spec(RECIPE, data, False)
    write_spec(run, spec)
    for name, known in (("poor", 4), ("good", 18)):
        place = run.evaluations / name
        replay(place, name, lambda item, number, say, n=known: say(item.gold) if number < n else "No.", (TASK,))
    poor, good = (read_result(run.evaluations / name / "run") for name in ("poor", "good"))
    first, second, _ = spec.stages(run)
    stage = RECIPE.stages[0].model_copy(update={"gate": GatePolicy(gains={TASK: 0.1})})
    rows = [{"step": step, "time": float(step), "loss": 1 / step, "reward": 0.25} for step in range(1, 9)]
    for folder, part in ((first, RECIPE.stages[0]), (second, RECIPE.stages[1])):
        folder.path.mkdir(parents=True, exist_ok=True)
        for name in ("metrics", "mining", "completions"):
            (folder.path / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        folder.write("manifest.json", read_manifest(data / part.data.folder).to_json())
        found = {"items": 25, "unavailable": None, "too_short_for_text": 0, "hits": [{"item": "7", "match": "near"}]}
        folder.write("preflight.json", {"checks": {"benchmark_overlap": {"rows": 1, "benchmarks": {TASK: found}}}})
        folder.note(steps=8, max_steps=8, seconds=75.2)
    record_verdict(run, first, judge(good, poor, stage), None)
    record_verdict(run, second, judge(poor, good, stage), Diagnosis(Cause.STOPPED, "the completions are truncated"))
    return tmp_path


def edit(draw, place, name):
    if name == "data/manifest.json":
        file = place / "data" / RECIPE.stages[0].data.folder / "manifest.json"
    else:
        file = place / "run" / name if name == "run.json" else draw.choice(sorted(place.glob(f"run/stages/*/{name}")))
    if draw.random() < 0.2:
        file.write_bytes(edited_bytes(draw, file.read_bytes()))
    elif name.endswith(".jsonl"):
        lines = file.read_text().splitlines(keepends=True)
        at = draw.randrange(len(lines))
        lines[at] = json.dumps(replaced(draw, json.loads(lines[at]))) + "\n"
        file.write_text("".join(lines))
    else:
        file.write_text(json.dumps(replaced(draw, json.loads(file.read_text()))))


def reuse(place):
    """What `train run --reuse-from` reads of another run."""
    try:
        source = TrainingFolder(place / "run")
        read_spec(source)
        reusable_stages(source, TrainingFolder(place / "new"), make_spec(RECIPE, place / "data", False))
    except EvalsuiteError as error:
        assert "\n" not in str(error)
        return 0
    return 0


COMMANDS = {
    "report": lambda place: main(["train", "report", str(place / "run")]),
    "export": lambda place: main(["train", "export", str(place / "run"), "--out", str(place / "export")]),
    "verify": lambda place: main(
        ["train", "verify", str(place / "data" / RECIPE.stages[0].data.folder / "manifest.json")]
    ),
    "reuse": reuse,
}


def test_an_edited_file_ends_every_command_in_order(run, tmp_path_factory):
    wrong = []
    for name, number in product(FILES, range(EDITS)):
        draw = random.Random(f"{name} {number}")
        place = Path(shutil.copytree(run, tmp_path_factory.mktemp("edited") / "all"))
        edit(draw, place, name)
        for command, call in COMMANDS.items():
            out, err = io.StringIO(), io.StringIO()
            try:
                with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
                    status = call(place)
            except Exception as error:  # what would be a traceback
                wrong.append((name, number, command, f"{type(error).__name__}: {error}"[:200]))
                continue
            lines = [line for line in err.getvalue().splitlines() if line.startswith("evalsuite: ")]
            if status not in (0, 1, 2, 3) or (status == 2 and len(lines) != 1):
                wrong.append((name, number, command, status, err.getvalue()[-300:]))
            if any(char < " " and char not in "\n\t" for char in out.getvalue() + err.getvalue()):
                wrong.append((name, number, command, "a control character on the terminal"))
        shutil.rmtree(place)
    assert wrong == []
