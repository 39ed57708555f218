"""Processes: what they run under, what is kept of what they say, and that none is left."""

import os
import signal
import threading
import time

import pytest

from evalsuite.errors import RunError
from training.child import call, environment, last_words, launched
from training.recipe import Hardware, read_recipe

RECIPE = read_recipe("fleming-7b")


@pytest.fixture
def module(tmp_path, monkeypatch):
    """A module to run: module(source) is its name."""

    def write(source: str) -> str:
        (tmp_path / "spoken.py").write_text(source)
        monkeypatch.setenv("PYTHONPATH", str(tmp_path))
        return "spoken"

    return write


def test_status_and_output_are_kept(module, tmp_path):
    name = module("import sys; print('one'); print('two\\n', file=sys.stderr); sys.exit(int(sys.argv[1]))")
    log = tmp_path / "deep" / "log.txt"
    assert call([name, "3"], RECIPE, log) == 3 and call([name, "0"], RECIPE, log) == 0
    assert log.read_text().count("one") == 2 and last_words(log) in ("one", "two")


def test_it_runs_under_the_recipe_s_threads_and_hashes(module, tmp_path):
    recipe = RECIPE.model_copy(update={"threads": 3, "seed": 11})
    name = module("import os, sys, training; print(os.environ['OMP_NUM_THREADS'], os.environ['PYTHONHASHSEED'])")
    log = tmp_path / "log.txt"
    assert call([name], recipe, log, cwd=tmp_path) == 0, log.read_text()
    assert last_words(log) == "3 11"


def test_folders_in_variables_are_found_from_elsewhere(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("EVALSUITE_TASKS", os.pathsep.join(["mine", "/theirs"]))
    monkeypatch.delenv("EVALSUITE_DATA", raising=False)
    found = environment(RECIPE)
    assert found["EVALSUITE_TASKS"] == os.pathsep.join([str(tmp_path / "mine"), "/theirs"])
    assert "EVALSUITE_DATA" not in found


def test_a_run_s_own_benchmarks_come_first(monkeypatch, tmp_path):
    monkeypatch.setenv("EVALSUITE_TASKS", "/theirs")
    assert environment(RECIPE, tmp_path)["EVALSUITE_TASKS"] == os.pathsep.join([str(tmp_path), "/theirs"])
    monkeypatch.delenv("EVALSUITE_TASKS")
    assert environment(RECIPE, tmp_path)["EVALSUITE_TASKS"] == str(tmp_path)


def test_no_process_is_left_when_it_is_interrupted(module, tmp_path):
    pid = tmp_path / "pid"
    name = module(f"import os, pathlib, time; pathlib.Path({str(pid)!r}).write_text(str(os.getpid())); time.sleep(600)")

    def interrupt() -> None:
        while not pid.exists() or not pid.read_text():
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGINT)

    # A shell that starts the tests in the background has them ignore the signal.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        threading.Thread(target=interrupt).start()
        with pytest.raises(KeyboardInterrupt):
            call([name], RECIPE, tmp_path / "log.txt")
    finally:
        signal.signal(signal.SIGINT, before)
    with pytest.raises(ProcessLookupError):
        os.kill(int(pid.read_text()), 0)


def test_a_log_that_cannot_be_written_is_one_line(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError, match="can't be written"):
        call(["json.tool"], RECIPE, tmp_path / "file" / "log.txt")


def test_a_silent_process_has_no_last_words(tmp_path):
    (tmp_path / "log.txt").write_bytes(b"\n \n")
    assert last_words(tmp_path / "log.txt") == "it said nothing"


def test_many_gpus_are_launched_by_accelerate():
    module = ["training", "stage", "run", "name"]
    assert launched(module, Hardware()) == module
    words = launched(module, Hardware(launch="fsdp", gpus=8))
    assert words[0] == "accelerate.commands.launch" and words[-5:] == ["--module", *module]
    assert words[words.index("--num_processes") + 1] == "8"
    assert words[words.index("--config_file") + 1].endswith("training/accelerate/fsdp.yaml")
