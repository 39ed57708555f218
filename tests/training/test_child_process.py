"""Processes: what they run under, what is kept of what they say, and that none is left."""

import os
import signal
import threading
import time

import pytest

from evalsuite.errors import RunError
from training.child_process import call, environment, launched
from training.recipe import Hardware, read_recipe

RECIPE = read_recipe("fleming-7b")
ALL = "all that it said:"


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
    ended = call([name, "3"], environment(RECIPE), log)
    assert ended.code == 3 and ended.said.split()[0] in ("one", "two") and ended.said.endswith(f"({ALL} {log})")
    assert call([name, "0"], environment(RECIPE), log) == (0, "")
    assert log.read_text().count("one") == 2


ELASTIC = """
W1126 11:00:00 torch/distributed/elastic: Sending process 12 closing signal
[rank0]: Traceback (most recent call last):
{error}
Traceback (most recent call last):
subprocess.CalledProcessError: Command '...' returned non-zero exit status 1.
torch.distributed.elastic.multiprocessing.errors.ChildFailedError:
============================================================
"""


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("evalsuite: data/traces: no rows\nx: FutureWarning: old\n  warnings.warn(\n", "data/traces: no rows"),
        ("evalsuite: medqa: no data\n", "medqa: no data"),
        ("OSError: [Errno 28] No space left on device\n", "OSError: [Errno 28] No space left on device"),
        (ELASTIC.format(error="evalsuite: no such model"), "no such model"),
        (ELASTIC.format(error="[rank0]: torch.OutOfMemoryError: CUDA"), "torch.OutOfMemoryError: CUDA"),
        ("[rank1]: MemoryError: full\n[rank0]: DistBackendError: NCCL\n", "MemoryError: full"),
        ("\n \n", "it said nothing"),
        ("a line\n======\n", "a line"),
    ],
)
def test_why_a_process_failed_is_its_own_error(module, tmp_path, written, said):
    log = tmp_path / "log.txt"
    log.write_text("evalsuite: of the process before\n")
    (tmp_path / "written").write_text(written)
    name = module(f"import pathlib, sys; print(pathlib.Path({str(tmp_path / 'written')!r}).read_text()); sys.exit(1)")
    assert call([name], environment(RECIPE), log).said == f"{said} ({ALL} {log})"


def test_a_signal_that_ended_a_process_is_named(module, tmp_path):
    name = module("import os, signal; print('well'); os.kill(os.getpid(), signal.SIGKILL)")
    ended = call([name], environment(RECIPE), tmp_path / "log.txt")
    assert ended.code == -signal.SIGKILL and ended.said.startswith("ended by SIGKILL, perhaps for want of memory")


def test_it_runs_under_the_recipe_s_threads_and_hashes(module, tmp_path):
    recipe = RECIPE.model_copy(update={"threads": 3, "seed": 11})
    name = module("import os, sys, training; print(os.environ['OMP_NUM_THREADS'], os.environ['PYTHONHASHSEED'])")
    log = tmp_path / "log.txt"
    assert call([name], environment(recipe), log, cwd=tmp_path).code == 0, log.read_text()
    assert log.read_text() == "3 11\n"
    kept = {"MALLOC_MMAP_MAX_", "MALLOC_TRIM_THRESHOLD_"}
    assert kept <= environment(recipe).keys() and not kept & environment(RECIPE).keys(), "on a CPU alone"


@pytest.mark.parametrize(("there", "seen"), [(None, "0"), ("3,5", "3"), ("", "")])
def test_one_device_is_one_also_where_there_are_more(monkeypatch, there, seen):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if there is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", there)
    one = RECIPE.model_copy(update={"hardware": Hardware(launch="one")})
    assert environment(one)["CUDA_VISIBLE_DEVICES"] == seen
    assert environment(one, alone=False).get("CUDA_VISIBLE_DEVICES") == there
    assert environment(RECIPE).get("CUDA_VISIBLE_DEVICES") == there


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

    threading.Thread(target=interrupt).start()
    with pytest.raises(KeyboardInterrupt):
        call([name], environment(RECIPE), tmp_path / "log.txt")
    with pytest.raises(ProcessLookupError):
        os.kill(int(pid.read_text()), 0)


def test_a_log_that_cannot_be_written_is_one_line(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError, match="can't be written"):
        call(["json.tool"], environment(RECIPE), tmp_path / "file" / "log.txt")


def test_many_gpus_are_launched_by_accelerate():
    module = ["training.pipeline.worker", "stage", "run", "name"]
    assert launched(module, Hardware()) == module
    words = launched(module, Hardware(launch="fsdp", gpus=8))
    assert words[0] == "accelerate.commands.launch" and words[-5:] == ["--module", *module]
    assert words[words.index("--num_processes") + 1] == "8"
    assert words[words.index("--config_file") + 1].endswith("training/accelerate/fsdp.yaml")
