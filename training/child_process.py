"""Child processes of a run: their environment, their output in a log file, and why one failed in one line."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import sys
import sysconfig
from collections.abc import Mapping, Sequence
from pathlib import Path
from signal import Signals
from typing import Final, NamedTuple

from evalsuite.errors import ErrorCode, RunError
from evalsuite.tasks.registry import FOLDERS as TASKS
from evalsuite.util.regular_file import open_for_appending
from training.recipe import Hardware, Recipe

GRACE_SECONDS: Final = 10.0
"""Time between SIGTERM and SIGKILL."""
_THREADS: Final = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
_FOLDER_VARIABLES: Final = ("EVALSUITE_DATA", TASKS)
"""Environment variables that name folders, which may be relative to where the run was started."""
_MEMORY: Final = {"MALLOC_ARENA_MAX": "1", "MALLOC_MMAP_MAX_": "0", "MALLOC_TRIM_THRESHOLD_": str(1 << 34)}
"""Makes glibc reuse freed memory. Otherwise a stage on a CPU spends a quarter of its time on page faults."""
_TAIL_BYTES: Final = 1 << 16
_RANK: Final = r"(?:\[\w+\]: ?)?"
"""What torch's launcher puts before each line of a process, such as `[rank0]: `."""
_OWN_ERROR: Final = re.compile(_RANK + rf"evalsuite: (?P<message>.+?)(?: \[(?P<code>{'|'.join(ErrorCode)})\])?")
_PYTHON_ERROR: Final = re.compile(_RANK + r"(?P<message>(?!subprocess\.)[\w.]*(?:Error|Exception): .+)")
"""The last line of a traceback, but not the launcher's own, which only repeats that a process failed."""


class ChildExit(NamedTuple):
    """How a child process ended."""

    status: int
    """Its exit status; below 0 the signal that ended it."""
    message: str
    """Why it failed, in one line; empty if it succeeded."""
    error_code: ErrorCode = ErrorCode.TRAINING_FAILED
    """The code of its error, if it printed one."""


def environment(recipe: Recipe, tasks: Path | None = None, limit_devices: bool = True) -> dict[str, str]:
    """Return the environment of a process of this recipe: the same threads and the same hash seed each time.

    `tasks` is a folder of benchmarks to search before those that EVALSUITE_TASKS names. With `limit_devices` the
    process of a recipe for one device sees no other device.
    """
    variables = dict(os.environ)
    if tasks is not None:
        variables[TASKS] = os.pathsep.join([str(tasks), *filter(None, [variables.get(TASKS)])])
    for name in _FOLDER_VARIABLES:  # the process may run in another folder than this one
        if variables.get(name):
            folders = variables[name].split(os.pathsep)
            variables[name] = os.pathsep.join(str(Path(folder).absolute()) for folder in folders)
    variables = with_own_code(variables)
    variables["PYTHONHASHSEED"] = str(recipe.seed)
    variables["TOKENIZERS_PARALLELISM"] = "false"
    if recipe.threads is not None:
        variables |= dict.fromkeys(_THREADS, str(recipe.threads)) | _MEMORY
    if recipe.hardware.launch == "one" and limit_devices:
        variables["CUDA_VISIBLE_DEVICES"] = variables.get("CUDA_VISIBLE_DEVICES", "0").partition(",")[0]
    return variables


def with_own_code(variables: Mapping[str, str]) -> dict[str, str]:
    """Return an environment in which a child imports this code, and not another version that is installed.

    Installed code is found anyway; its folder in PYTHONPATH would come before the standard library.
    """
    package_root = str(Path(__file__).absolute().parents[1])
    if package_root == sysconfig.get_path("purelib"):
        return dict(variables)
    return {**variables, "PYTHONPATH": os.pathsep.join([package_root, *filter(None, [variables.get("PYTHONPATH")])])}


def run_module(module: Sequence[str], env: Mapping[str, str], log: Path, cwd: Path | None = None) -> ChildExit:
    """Run `python -m MODULE ARGUMENT...`, append its output to `log`, and return how it ended.

    An exception in this process, such as a keyboard interrupt, ends the child too. A log that can't be written is a
    `RunError`.
    """
    command = [sys.executable, "-m", *module]
    try:
        log.parent.mkdir(parents=True, exist_ok=True)
        with os.fdopen(open_for_appending(log), "ab") as out:
            log_start = log.stat().st_size
            child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=out, cwd=cwd, env=env)
    except OSError as error:
        message = f"{log}: can't be written: {error.strerror or error}"
        raise RunError(ErrorCode.OUTPUT_NOT_WRITABLE, message) from None
    try:
        status = child.wait()
    except BaseException:
        _terminate(child)
        raise
    return ChildExit(0, "") if status == 0 else _failure(status, log, log_start)


def with_launcher(module: Sequence[str], hardware: Hardware) -> list[str]:
    """Return the module and its arguments, under `accelerate launch` on every GPU where the recipe says so."""
    if hardware.launch == "one":
        return list(module)
    config = Path(__file__).parent / "accelerate" / f"{hardware.launch}.yaml"
    options = ["--config_file", str(config), "--num_processes", str(hardware.gpus), "--main_process_port", "0"]
    return ["accelerate.commands.launch", *options, "--module", *module]


def _failure(status: int, log: Path, log_start: int) -> ChildExit:
    """Say why a process failed: the signal, else the error in its part of the log, else its last line."""
    if status < 0:
        memory = ", perhaps because memory ran out" if status == -Signals.SIGKILL else ""
        return ChildExit(status, f"ended by {Signals(-status).name}{memory} (output: {log})")
    with log.open("rb") as stream:
        stream.seek(max(log_start, log.stat().st_size - _TAIL_BYTES))
        lines = [line.strip() for line in stream.read().decode("utf-8", "replace").split("\n")]
    if own := [match for line in lines if (match := _OWN_ERROR.fullmatch(line))]:
        code = ErrorCode(own[-1]["code"] or ErrorCode.TRAINING_FAILED)
        return ChildExit(status, f"{own[-1]['message']} (output: {log})", code)
    if foreign := [match["message"] for line in lines if (match := _PYTHON_ERROR.fullmatch(line))]:
        # Of several processes' errors the first is the cause; the others lost their connection to that process.
        return ChildExit(status, f"{foreign[0]} (output: {log})")
    last = next((line for line in reversed(lines) if line.strip("=-*")), "no output")
    return ChildExit(status, f"{last} (output: {log})")


def _terminate(child: subprocess.Popen[bytes]) -> None:
    """End a process: by SIGTERM, and by SIGKILL if it is still alive after the time of grace."""
    try:
        child.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(GRACE_SECONDS)
    finally:
        if child.poll() is None:
            child.kill()
            child.wait()
