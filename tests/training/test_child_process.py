"""Child processes: their environment, what is reported when one fails, and that none outlives its run."""

import os
import signal
import threading
import time

import pytest

from evalsuite.errors import ErrorCode, RunError
from training.child_process import environment, run_module, with_launcher
from training.recipe import Hardware, read_recipe

RECIPE = read_recipe("fleming-7b")


@pytest.fixture
def module(tmp_path, monkeypatch):
    """A module to run: module(source) returns its name."""

    def write(source: str) -> str:
        (tmp_path / "written_module.py").write_text(source)
        monkeypatch.setenv("PYTHONPATH", str(tmp_path))
        return "written_module"

    return write


def test_status_and_output_are_reported(module, tmp_path):
    name = module("import sys; print('one'); print('two\\n', file=sys.stderr); sys.exit(int(sys.argv[1]))")
    log = tmp_path / "deep" / "log.txt"
    ended = run_module([name, "3"], environment(RECIPE), log)
    assert ended.status == 3 and ended.message.split()[0] in ("one", "two") and str(log) in ended.message
    succeeded = run_module([name, "0"], environment(RECIPE), log)
    assert (succeeded.status, succeeded.message) == (0, "")
    assert log.read_text().count("one") == 2


LAUNCHER = """
W1126 11:00:00 torch/distributed/elastic: Sending process 12 closing signal
[rank0]: Traceback (most recent call last):
{error}
Traceback (most recent call last):
subprocess.CalledProcessError: Command '...' returned non-zero exit status 1.
torch.distributed.elastic.multiprocessing.errors.ChildFailedError:
============================================================
"""
FAILED = ErrorCode.TRAINING_FAILED


@pytest.mark.parametrize(
    ("output", "message", "code"),
    [
        ("evalsuite: data/traces: no rows\nx: FutureWarning: old\n  warnings.warn(\n", "data/traces: no rows", FAILED),
        ("evalsuite: medqa: changed [data_changed]\n", "medqa: changed", ErrorCode.DATA_CHANGED),
        ("evalsuite: labels [A, B] [run_locked]\n", "labels [A, B]", ErrorCode.RUN_LOCKED),
        ("evalsuite: labels [a, b] differ in [colour]\n", "labels [a, b] differ in [colour]", FAILED),
        ("OSError: [Errno 28] No space left on device\n", "OSError: [Errno 28] No space left on device", FAILED),
        (LAUNCHER.format(error="evalsuite: gone [unknown_model]"), "gone", ErrorCode.UNKNOWN_MODEL),
        (LAUNCHER.format(error="[rank0]: torch.OutOfMemoryError: CUDA"), "torch.OutOfMemoryError: CUDA", FAILED),
        ("[rank1]: MemoryError: full\n[rank0]: DistBackendError: NCCL\n", "MemoryError: full", FAILED),
        ("\n \n", "no output", FAILED),
        ("a line\n======\n", "a line", FAILED),
    ],
)
def test_a_failed_process_is_reported_by_its_own_error(module, tmp_path, output, message, code):
    log = tmp_path / "log.txt"
    log.write_text("evalsuite: of the process before [data_refused]\n")
    (tmp_path / "output").write_text(output)
    name = module(f"import pathlib, sys; print(pathlib.Path({str(tmp_path / 'output')!r}).read_text()); sys.exit(1)")
    assert run_module([name], environment(RECIPE), log) == (1, f"{message} (output: {log})", code)


def test_the_signal_that_ended_a_process_is_named(module, tmp_path):
    name = module("import os, signal; print('well'); os.kill(os.getpid(), signal.SIGKILL)")
    ended = run_module([name], environment(RECIPE), tmp_path / "log.txt")
    assert ended.status == -signal.SIGKILL and "SIGKILL" in ended.message and ended.error_code is FAILED


def test_it_runs_under_the_recipes_threads_and_hash_seed(module, tmp_path):
    recipe = RECIPE.model_copy(update={"threads": 3, "seed": 11})
    name = module("import os, sys, training; print(os.environ['OMP_NUM_THREADS'], os.environ['PYTHONHASHSEED'])")
    log = tmp_path / "log.txt"
    assert run_module([name], environment(recipe), log, cwd=tmp_path).status == 0, log.read_text()
    assert log.read_text() == "3 11\n"
    memory = {"MALLOC_MMAP_MAX_", "MALLOC_TRIM_THRESHOLD_"}
    assert memory <= environment(recipe).keys() and not memory & environment(RECIPE).keys(), "on a CPU alone"


@pytest.mark.parametrize(("visible", "seen"), [(None, "0"), ("3,5", "3"), ("", "")])
def test_a_recipe_for_one_device_sees_one_where_there_are_more(monkeypatch, visible, seen):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if visible is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    one = RECIPE.model_copy(update={"hardware": Hardware(launch="one")})
    assert environment(one)["CUDA_VISIBLE_DEVICES"] == seen
    assert environment(one, limit_devices=False).get("CUDA_VISIBLE_DEVICES") == visible
    assert environment(RECIPE).get("CUDA_VISIBLE_DEVICES") == visible


def test_folders_in_variables_are_made_absolute(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("EVALSUITE_TASKS", os.pathsep.join(["relative", "/absolute"]))
    monkeypatch.delenv("EVALSUITE_DATA", raising=False)
    variables = environment(RECIPE)
    assert variables["EVALSUITE_TASKS"] == os.pathsep.join([str(tmp_path / "relative"), "/absolute"])
    assert "EVALSUITE_DATA" not in variables


def test_the_benchmarks_of_a_run_come_first(monkeypatch, tmp_path):
    monkeypatch.setenv("EVALSUITE_TASKS", "/others")
    assert environment(RECIPE, tmp_path)["EVALSUITE_TASKS"] == os.pathsep.join([str(tmp_path), "/others"])
    monkeypatch.delenv("EVALSUITE_TASKS")
    assert environment(RECIPE, tmp_path)["EVALSUITE_TASKS"] == str(tmp_path)


def test_no_process_is_left_after_an_interrupt(module, tmp_path):
    pid = tmp_path / "pid"
    name = module(f"import os, pathlib, time; pathlib.Path({str(pid)!r}).write_text(str(os.getpid())); time.sleep(600)")

    def interrupt() -> None:
        while not pid.exists() or not pid.read_text():
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=interrupt).start()
    with pytest.raises(KeyboardInterrupt):
        run_module([name], environment(RECIPE), tmp_path / "log.txt")
    with pytest.raises(ProcessLookupError):
        os.kill(int(pid.read_text()), 0)


def test_a_log_that_cannot_be_written_is_an_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError) as caught:
        run_module(["json.tool"], environment(RECIPE), tmp_path / "file" / "log.txt")
    assert caught.value.code is ErrorCode.OUTPUT_NOT_WRITABLE


def test_several_gpus_are_launched_by_accelerate():
    module = ["training.pipeline.worker", "stage", "run", "name"]
    assert with_launcher(module, Hardware()) == module
    words = with_launcher(module, Hardware(launch="fsdp", gpus=8))
    assert words[0] == "accelerate.commands.launch" and words[-5:] == ["--module", *module]
    assert words[words.index("--num_processes") + 1] == "8"
    assert words[words.index("--config_file") + 1].endswith("training/accelerate/fsdp.yaml")
