"""The example plug-in, installed as a package of its own: its task and its backend are there by entry points alone."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest

pytestmark = pytest.mark.integration
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def plugged(tmp_path_factory):
    """Run `evalsuite` with the plug-in on its path: plugged(*arguments, fails=False)."""
    site = tmp_path_factory.mktemp("site")
    package = str(ROOT / "examples" / "plugin")
    install = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--target", str(site), package]
    subprocess.run(install, check=True, capture_output=True)

    away = tmp_path_factory.mktemp("away")

    def run(*arguments, fails=False, path=True, cwd=away):
        told = {**os.environ, "PYTHONPATH": str(site) if path else ""}
        command = [sys.executable, "-m", "evalsuite", *map(str, arguments)]
        done = subprocess.run(command, env=told, cwd=cwd, capture_output=True, text=True, timeout=120)
        assert (done.returncode != 0) == fails, done.stdout + done.stderr
        return done.stdout + done.stderr

    return run


def test_the_task_is_there_and_proven(plugged):
    assert "dose_arithmetic" in plugged("tasks")
    assert "dose_arithmetic" not in plugged("tasks", path=False)
    assert "Eight original questions" in plugged("tasks", "dose_arithmetic")
    plugged("tasks", "check", "--tasks", "dose_arithmetic")
    assert "unknown task" in plugged("tasks", "check", "--tasks", "dose_arithmetic", fails=True, path=False)


def test_the_backend_answers_it(plugged, tmp_path):
    out = tmp_path / "run"
    model = "callable/evalsuite_example.calculator:answer"
    plugged("run", "--tasks", "dose_arithmetic,starter_vignette", "--model", model, "--out", out, "--samples", "2")
    summary = json.loads((out / "summary.json").read_bytes())
    assert summary["tasks"]["dose_arithmetic"]["accuracy"]["value"] == 3 / 8
    rows = pq.read_table(out / "grades.parquet").to_pylist()
    dose = [row for row in rows if row["task"] == "dose_arithmetic"]
    assert {row["item"] for row in dose if row["correct"]} == {"d01", "d02", "d03"}
    assert {row["status"] for row in dose if not row["correct"]} == {"no_answer"}
    assert len(dose) == 16


def test_a_function_that_isn_t_there_or_that_raises_is_told(plugged, tmp_path):
    asked = ("run", "--tasks", "dose_arithmetic", "--out", tmp_path / "run", "--model")
    told = plugged(*asked, "callable/evalsuite_example.calculator:reply", fails=True)
    assert "callable/evalsuite_example.calculator:reply: module" in told
    assert "Traceback" not in told
    (tmp_path / "mine.py").write_text("def answer(messages):\n    raise RuntimeError('the pipeline is down')\n")
    (tmp_path / "run2").mkdir()
    told = plugged(*asked[:-2], tmp_path / "run2", "--model", "callable/mine:answer", fails=True, cwd=tmp_path)
    assert "the pipeline is down" in told
    known = ("run", "--tasks", "starter_vignette", "--out", tmp_path / "run3", "--model", "callable/x:y")
    assert "no backend has this name" in plugged(*known, fails=True, path=False)
