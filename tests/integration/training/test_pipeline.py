"""Runs through two stages: finished, killed, stopped, resumed, reused."""

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

from evalsuite.errors import ErrorCode
from evalsuite.util.file_digest import sha256_of
from evalsuite.util.folder_lock import locked
from training.run_folder import StageFolder

pytestmark = pytest.mark.integration

WEIGHTS = "stages/2-traces/model/model.safetensors"
LIMIT = 900.0


def recipe(place: Path) -> Path:
    return mini.write_recipe(place / "mini.yaml", [mini.text_stage(), mini.trace_stage()])


@pytest.fixture(scope="module")
def finished(tmp_path_factory, tasks, data):
    """A run without an interruption."""
    home = tmp_path_factory.mktemp("finished")
    ended = mini.training("run", recipe(home), "--data", data, "--out", home / "run", tasks=tasks)
    assert ended.returncode == 0, ended.stderr
    assert str(home / "run/stages/2-traces/model") in ended.stderr
    return home / "run"


@pytest.fixture
def start(tmp_path, tasks, data):
    """Start or resume a run in a process group of its own: start() and start(resume=True)."""
    running = []

    def start_process(resume: bool = False) -> subprocess.Popen:
        run = tmp_path / "run"
        arguments = ["resume", run] if resume else ["run", recipe(tmp_path), "--data", data, "--out", run]
        command = [sys.executable, "-m", "evalsuite", "train", *map(str, arguments)]
        running.append(
            subprocess.Popen(
                command, cwd=mini.ROOT, env=mini.environment(tasks), stderr=subprocess.PIPE, text=True, process_group=0
            )
        )
        return running[-1]

    yield start_process
    for each in running:
        if each.poll() is None:
            os.killpg(each.pid, signal.SIGKILL)
            each.wait()


def wait_for(process: subprocess.Popen, condition: Callable[[], bool]) -> None:
    """Wait until a condition holds; the process must not have ended before."""
    until = time.monotonic() + LIMIT
    while not condition():
        assert process.poll() is None, process.stderr.read()
        assert time.monotonic() < until
        time.sleep(0.02)


def test_each_stage_records_its_settings_its_data_and_its_verdict(finished, data):
    spec = json.loads((finished / "run.json").read_text())
    assert spec["recipe"]["stages"][1]["optimiser"]["learning_rate"] == 3e-3
    assert spec["data"] == str(data) and not spec["control"]
    assert {"python", "torch", "transformers", "trl", "peft", "accelerate", "evalsuite"} <= spec["versions"].keys()
    for name, file in (("1-text", "text"), ("2-traces", "traces")):
        folder = StageFolder(finished / "stages" / name)
        assert folder.state == "promoted"
        assert folder.read("manifest.json") == json.loads((data / file / "manifest.json").read_text()) | {"sources": {}}
        assert folder.read("gate.json")["promoted"] and folder.read("gate.json")["decision"]["exit"] == 0
        assert not folder.checkpoints.exists()
    comparison = StageFolder(finished / "stages/2-traces").read("gate.json")["comparison"]["tasks"][mini.TASK]
    assert (
        comparison["a"] - comparison["b"] == pytest.approx(comparison["difference"]["value"]) and comparison["a"] > 0.4
    )


def test_an_equal_model_under_equal_options_is_evaluated_once(finished):
    specs = [json.loads(file.read_text())["spec"] for file in finished.glob("evaluations/*/run.json")]
    evaluated = [(each["model"], each["settings"]["scoring"]) for each in specs]
    assert len(evaluated) == len(set(evaluated)) == 4, evaluated


def test_a_finished_run_is_not_repeated(finished, tasks):
    before = written(finished)
    ended = mini.training("resume", finished, tasks=tasks)
    assert ended.returncode == 0
    assert written(finished) == before


def test_a_finished_run_needs_its_data_no_more(finished, tasks, tmp_path):
    run = shutil.copytree(finished, tmp_path / "run")
    spec = json.loads((run / "run.json").read_text())
    (run / "run.json").write_text(json.dumps(spec | {"data": str(tmp_path / "gone")}))
    ended = mini.training("resume", run, tasks=tasks)
    assert ended.returncode == 0, ended.stderr


def written(run: Path) -> dict[str, int]:
    """When each file was written; the report is made anew from them each time."""
    files = (file for file in run.rglob("*") if file.is_file() and file.stem not in (".lock", "report"))
    return {str(file.relative_to(run)): file.stat().st_mtime_ns for file in files}


def test_another_recipe_is_refused_in_the_folder_of_a_run(finished, tasks, data, tmp_path):
    other = mini.write_recipe(tmp_path / "mini.yaml", [mini.text_stage(), mini.trace_stage(rate=1e-3)])
    ended = mini.training("run", other, "--data", data, "--out", finished, tasks=tasks)
    assert ended.returncode == 2
    assert "recipe.stages.1.optimiser.learning_rate: 0.003" in ended.stderr and "0.001" in ended.stderr
    assert ended.stderr.endswith(f"[{ErrorCode.RUN_MISMATCH}]\n")


def test_a_run_that_is_killed_anywhere_and_resumed_ends_in_the_same_bits(finished, start, tmp_path):
    run, draw = tmp_path / "run", random.Random(os.urandom(8))
    places = (
        "stages/1-text/checkpoints/*/complete.json",
        "stages/1-text/model",
        "evaluations/*/responses/*.jsonl",
        "stages/1-text/gate.json",
        "stages/2-traces/checkpoints/*/complete.json",
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
    assert sha256_of(run / WEIGHTS) == sha256_of(finished / WEIGHTS), delays
    assert (run / "stages/1-text/model/model.safetensors").stat().st_mtime_ns == first
    grades = [sorted(sha256_of(file) for file in each.glob("evaluations/*/grades.parquet")) for each in (run, finished)]
    assert len(grades[0]) == len(grades[1]) == 4


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_a_stopped_run_ends_its_processes_and_prints_how_to_resume(start, tmp_path, sent):
    process, folder = start(), StageFolder(tmp_path / "run/stages/1-text")
    wait_for(process, lambda: folder.state == "training" and folder.metrics.exists())
    process.send_signal(sent)
    assert process.wait(60) == {signal.SIGINT: 130, signal.SIGTERM: 143}[sent]
    assert f"evalsuite train resume {tmp_path / 'run'}" in process.stderr.read()
    with locked(folder.path):
        assert folder.state in ("training", "trained")


def test_two_processes_cannot_work_on_one_run(finished, tasks):
    with locked(finished):
        ended = mini.training("resume", finished, tasks=tasks)
    assert ended.returncode == 2 and str(finished) in ended.stderr
    assert ended.stderr.endswith(f"[{ErrorCode.RUN_LOCKED}]\n")


def test_a_training_process_that_outlived_its_run_keeps_its_stage(start, tmp_path, tasks):
    process, folder = start(), StageFolder(tmp_path / "run/stages/1-text")
    wait_for(process, lambda: folder.state == "training")
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    with locked(folder.path):
        ended = mini.training("resume", tmp_path / "run", tasks=tasks)
    assert ended.returncode == 2 and str(folder.path) in ended.stderr
    assert f"[{ErrorCode.RUN_LOCKED}]" in ended.stderr
    assert folder.state == "training"


def test_data_that_changed_before_the_first_checkpoint_goes_through_preflight_again(tmp_path, tasks, data):
    copy, run = shutil.copytree(data, tmp_path / "data"), tmp_path / "run"
    recipe_file = mini.write_recipe(tmp_path / "mini.yaml", [mini.trace_stage(checkpoint_every=1000)])
    command = [sys.executable, "-m", "evalsuite", "train", "run", recipe_file, "--data", copy, "--out", run]
    process = subprocess.Popen(
        list(map(str, command)), cwd=mini.ROOT, env=mini.environment(tasks), stderr=subprocess.PIPE, text=True,
        process_group=0,
    )  # fmt: skip
    folder = StageFolder(run / "stages/1-traces")
    wait_for(process, lambda: folder.metrics.exists())
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert folder.state == "training"
    mini.leak(copy, tasks)
    ended = mini.training("resume", run, tasks=tasks)
    assert ended.returncode == 1, ended.stderr
    assert any(mini.TASK in refusal for refusal in folder.read("preflight.json")["refusals"])
    assert folder.state == "new" and not folder.model.exists()


def test_promoted_stages_are_reused_in_another_run(finished, tasks, data, tmp_path):
    recipe_file = mini.write_recipe(tmp_path / "mini.yaml", [mini.text_stage(), mini.trace_stage(epochs=1, gate={})])
    ended = mini.training(
        "run", recipe_file, "--data", data, "--out", tmp_path / "run", "--reuse-from", finished, tasks=tasks
    )
    assert ended.returncode == 0, ended.stderr
    assert f"1-text: reused from {finished}\n" in ended.stderr and "1-text: training" not in ended.stderr
    reused, trained = (StageFolder(tmp_path / "run/stages" / name) for name in ("1-text", "2-traces"))
    assert sha256_of(reused.model / "model.safetensors") == sha256_of(
        finished / "stages/1-text/model/model.safetensors"
    )
    assert json.loads((tmp_path / "run/run.json").read_text())["reused_from"] == {
        "run": str(finished),
        "stages": ["stages/1-text"],
    }
    assert trained.read("stage.json")["epochs"] == 1
    assert len(list((tmp_path / "run").glob("evaluations/*"))) == len(list(finished.glob("evaluations/*"))) + 1


def test_data_that_changed_after_the_first_checkpoint_is_refused(start, tmp_path, tasks, data):
    process, folder = start(), StageFolder(tmp_path / "run/stages/1-text")
    wait_for(process, lambda: any(folder.checkpoints.glob("*/complete.json")))
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    folder.write("manifest.json", {**folder.read("manifest.json"), "about": "Of yesterday."})
    ended = mini.training("resume", tmp_path / "run", tasks=tasks)
    assert ended.returncode == 2 and ended.stderr.endswith(f"[{ErrorCode.TRAINING_DATA_CHANGED}]\n")
