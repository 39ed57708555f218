"""The example plug-in, installed as a package: its task and its backend are found by their entry points alone."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from evalsuite.errors import ErrorCode

pytestmark = pytest.mark.integration
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def plugged(tmp_path_factory):
    """A function that runs `evalsuite` with the plug-in installed: plugged(*arguments, fails=False)."""
    site = tmp_path_factory.mktemp("site")
    package = str(ROOT / "examples" / "plugin")
    install = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--target", str(site), package]
    subprocess.run(install, check=True, capture_output=True)

    # Outside the checkout, so that the plug-in is not found by the working directory.
    outside = tmp_path_factory.mktemp("outside")

    def run(*arguments, fails=False, path=True, cwd=outside):
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), *([str(site)] if path else [])])}
        command = [sys.executable, "-m", "evalsuite", *map(str, arguments)]
        done = subprocess.run(command, env=environment, cwd=cwd, capture_output=True, text=True, timeout=120)
        assert (done.returncode != 0) == fails, done.stdout + done.stderr
        return done.stdout + done.stderr

    return run


def test_the_task_is_found_and_passes_its_check(plugged):
    assert "dose_arithmetic" in plugged("tasks")
    assert "dose_arithmetic" not in plugged("tasks", path=False)
    assert "Eight original questions" in plugged("tasks", "dose_arithmetic")
    plugged("tasks", "check", "--tasks", "dose_arithmetic")
    output = plugged("tasks", "check", "--tasks", "dose_arithmetic", fails=True, path=False)
    assert f"[{ErrorCode.UNKNOWN_TASK}]" in output


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


def test_a_function_that_does_not_exist_or_that_raises_is_reported(plugged, tmp_path):
    run = ("run", "--tasks", "dose_arithmetic", "--model")
    output = plugged(*run, "callable/evalsuite_example.calculator:reply", "--out", tmp_path / "run", fails=True)
    assert f"[{ErrorCode.MODEL_NOT_LOADABLE}]" in output and "evalsuite_example.calculator:reply" in output
    assert "Traceback" not in output
    (tmp_path / "mine.py").write_text("def answer(messages):\n    raise RuntimeError('the pipeline is down')\n")
    output = plugged(*run, "callable/mine:answer", "--out", tmp_path / "run2", fails=True, cwd=tmp_path)
    assert "the pipeline is down" in output


def test_without_the_plug_in_its_backend_is_unknown(plugged, tmp_path):
    arguments = ("run", "--tasks", "starter_vignette", "--out", tmp_path / "run", "--model", "callable/x:y")
    assert f"[{ErrorCode.UNKNOWN_BACKEND}]" in plugged(*arguments, fails=True, path=False)
