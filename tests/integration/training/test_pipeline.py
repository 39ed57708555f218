"""Whole runs through two stages: finished, killed, stopped, refused."""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import mini
import pytest

from evalsuite.util.file_digest import sha256_of
from training.pipeline.folder_lock import claimed
from training.run_folder import StageFolder

pytestmark = pytest.mark.integration

WEIGHTS = "stages/2-traces/model/model.safetensors"
LIMIT = 900.0


def recipe(place: Path) -> Path:
    return mini.write_recipe(place / "mini.yaml", [mini.text_stage(), mini.trace_stage()])


@pytest.fixture(scope="module")
def whole(tmp_path_factory, tasks, data):
    """A run that nothing disturbed."""
    home = tmp_path_factory.mktemp("whole")
    ended = mini.training("run", recipe(home), "--data", data, "--out", home / "run", tasks=tasks)
    assert ended.returncode == 0, ended.stderr
    assert str(home / "run/stages/2-traces/model") in ended.stderr
    return home / "run"


@pytest.fixture
def start(tmp_path, tasks, data):
    """Start a run, or go on with it, in a process group of its own: start() and start("resume")."""
    running = []

    def begin(resume: bool = False) -> subprocess.Popen:
        run = tmp_path / "run"
        how = ["resume", run] if resume else ["run", recipe(tmp_path), "--data", data, "--out", run]
        command = [sys.executable, "-m", "evalsuite", "train", *map(str, how)]
        running.append(
            subprocess.Popen(
                command, cwd=mini.ROOT, env=mini.environment(tasks), stderr=subprocess.PIPE, text=True, process_group=0
            )
        )
        return running[-1]

    yield begin
    for each in running:
        if each.poll() is None:
            os.killpg(each.pid, signal.SIGKILL)
            each.wait()


def wait_for(process: subprocess.Popen, seen: Callable[[], bool]) -> None:
    """Wait until something is seen; the process must not have ended before."""
    until = time.monotonic() + LIMIT
    while not seen():
        assert process.poll() is None, process.stderr.read()
        assert time.monotonic() < until
        time.sleep(0.02)


def test_each_stage_leaves_what_it_was_made_of_and_how_it_was_judged(whole, data):
    asked = json.loads((whole / "run.json").read_text())
    assert asked["recipe"]["stages"][1]["optimiser"]["learning_rate"] == 3e-3
    assert asked["data"] == str(data) and not asked["control"]
    assert {"python", "torch", "transformers", "trl", "peft", "accelerate", "evalsuite"} <= asked["versions"].keys()
    for name, file in (("1-text", "text"), ("2-traces", "traces")):
        folder = StageFolder(whole / "stages" / name)
        assert folder.state == "promoted"
        assert folder.read("manifest.json") == json.loads((data / file / "manifest.json").read_text()) | {"sources": {}}
        assert folder.read("gate.json")["promoted"] and folder.read("gate.json")["decision"]["exit"] == 0
        assert not folder.checkpoints.exists()
    comparison = StageFolder(whole / "stages/2-traces").read("gate.json")["comparison"]["tasks"][mini.TASK]
    assert (
        comparison["a"] - comparison["b"] == pytest.approx(comparison["difference"]["value"]) and comparison["a"] > 0.4
    )


def test_an_equal_model_under_equal_options_is_asked_once(whole):
    asked = [json.loads(file.read_text())["spec"] for file in whole.glob("evaluations/*/run.json")]
    seen = [(each["model"], each["settings"]["scoring"]) for each in asked]
    assert len(seen) == len(set(seen)) == 4, seen


def test_a_finished_run_is_not_done_again(whole, tasks):
    before = written(whole)
    ended = mini.training("resume", whole, tasks=tasks)
    assert ended.returncode == 0 and "every stage is promoted" in ended.stderr
    assert written(whole) == before


def test_what_has_ended_needs_its_data_no_more(whole, tasks, tmp_path):
    run = shutil.copytree(whole, tmp_path / "run")
    asked = json.loads((run / "run.json").read_text())
    (run / "run.json").write_text(json.dumps(asked | {"data": str(tmp_path / "gone")}))
    ended = mini.training("resume", run, tasks=tasks)
    assert ended.returncode == 0 and "every stage is promoted" in ended.stderr, ended.stderr


def written(run: Path) -> dict[str, int]:
    """When each file was written; the report is made anew from them each time."""
    files = (file for file in run.rglob("*") if file.is_file() and file.stem not in (".lock", "report"))
    return {str(file.relative_to(run)): file.stat().st_mtime_ns for file in files}


def test_another_recipe_is_not_mixed_into_a_run(whole, tasks, data, tmp_path):
    other = mini.write_recipe(tmp_path / "mini.yaml", [mini.text_stage(), mini.trace_stage(rate=1e-3)])
    ended = mini.training("run", other, "--data", data, "--out", whole, tasks=tasks)
    assert ended.returncode == 2
    assert "recipe.stages.1.optimiser.learning_rate: 0.003 there, 0.001 here" in ended.stderr


def test_killed_anywhere_and_resumed_it_is_the_same_model(whole, start, tmp_path):
    run, draw = tmp_path / "run", random.Random(os.urandom(8))
    places = (
        "stages/1-text/checkpoints/*/whole.json",
        "stages/1-text/model",
        "evaluations/*/responses/*.jsonl",
        "stages/1-text/gate.json",
        "stages/2-traces/checkpoints/*/whole.json",
        "evaluations/*/summary.json",
    )
    delays = []
    for count, place in enumerate(places):
        process = start(resume=count > 0)
        wait_for(process, lambda place=place: any(run.glob(place)))
        delays.append(draw.uniform(0, 1))
        time.sleep(delays[-1])
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    first = (run / "stages/1-text/model/model.safetensors").stat().st_mtime_ns
    ended = start(resume=True)
    assert ended.wait(LIMIT) == 0, ended.stderr.read()
    assert sha256_of(run / WEIGHTS) == sha256_of(whole / WEIGHTS), delays
    assert (run / "stages/1-text/model/model.safetensors").stat().st_mtime_ns == first
    grades = [sorted(sha256_of(file) for file in each.glob("evaluations/*/grades.parquet")) for each in (run, whole)]
    assert len(grades[0]) == len(grades[1]) == 4


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_stopped_it_ends_its_processes_and_says_how_to_go_on(start, tmp_path, sent):
    process, folder = start(), StageFolder(tmp_path / "run/stages/1-text")
    wait_for(process, lambda: folder.state == "training" and folder.metrics.exists())
    process.send_signal(sent)
    assert process.wait(60) == 130
    assert f"evalsuite train resume {tmp_path / 'run'}" in process.stderr.read()
    with claimed(folder.path):
        assert folder.state in ("training", "trained")


def test_two_processes_cannot_work_on_one_run(whole, tasks):
    with claimed(whole):
        ended = mini.training("resume", whole, tasks=tasks)
    assert ended.returncode == 2 and f"{whole}: another process works on it" in ended.stderr


def test_a_training_process_that_outlived_its_run_is_waited_for(start, tmp_path, tasks):
    process, folder = start(), StageFolder(tmp_path / "run/stages/1-text")
    wait_for(process, lambda: folder.state == "training")
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    with claimed(folder.path):
        ended = mini.training("resume", tmp_path / "run", tasks=tasks)
    assert ended.returncode == 2 and f"{folder.path}: another process works on it" in ended.stderr
    assert folder.state == "training"


def test_data_that_was_changed_before_the_first_checkpoint_is_looked_at_again(tmp_path, tasks, data):
    own, run = shutil.copytree(data, tmp_path / "data"), tmp_path / "run"
    made = mini.write_recipe(tmp_path / "mini.yaml", [mini.trace_stage(checkpoint_every=1000)])
    command = [sys.executable, "-m", "evalsuite", "train", "run", made, "--data", own, "--out", run]
    process = subprocess.Popen(
        list(map(str, command)), cwd=mini.ROOT, env=mini.environment(tasks), stderr=subprocess.PIPE, text=True,
        process_group=0,
    )  # fmt: skip
    folder = StageFolder(run / "stages/1-traces")
    wait_for(process, lambda: folder.metrics.exists())
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert folder.state == "training"
    mini.leak(own, tasks)
    ended = mini.training("resume", run, tasks=tasks)
    assert ended.returncode == 1 and f"hold questions of {mini.TASK}" in ended.stderr, ended.stderr
    assert folder.state == "new" and not folder.model.exists()


def test_promoted_stages_are_taken_over_into_another_run(whole, tasks, data, tmp_path):
    made = mini.write_recipe(tmp_path / "mini.yaml", [mini.text_stage(), mini.trace_stage(epochs=1, gate={})])
    ended = mini.training("run", made, "--data", data, "--out", tmp_path / "run", "--reuse-from", whole, tasks=tasks)
    assert ended.returncode == 0, ended.stderr
    assert f"1-text: taken over from {whole}\n" in ended.stderr and "1-text: training" not in ended.stderr
    taken, trained = (StageFolder(tmp_path / "run/stages" / name) for name in ("1-text", "2-traces"))
    assert sha256_of(taken.model / "model.safetensors") == sha256_of(whole / "stages/1-text/model/model.safetensors")
    assert json.loads((tmp_path / "run/run.json").read_text())["from"] == {
        "run": str(whole),
        "stages": ["stages/1-text"],
    }
    assert trained.read("stage.json")["epochs"] == 1
    assert len(list((tmp_path / "run").glob("evaluations/*"))) == len(list(whole.glob("evaluations/*"))) + 1


def test_data_that_was_changed_under_a_stage_is_refused(start, tmp_path, tasks, data):
    process, folder = start(), StageFolder(tmp_path / "run/stages/1-text")
    wait_for(process, lambda: any(folder.checkpoints.glob("*/whole.json")))
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    folder.write("manifest.json", {**folder.read("manifest.json"), "about": "Of yesterday."})
    ended = mini.training("resume", tmp_path / "run", tasks=tasks)
    assert ended.returncode == 2 and "its data is not what it began with" in ended.stderr
