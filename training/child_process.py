"""The processes that a run starts: each one's output in a file, its end told in one line, none outlives it."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from signal import Signals
from typing import Final, NamedTuple

from evalsuite.errors import RunError
from evalsuite.tasks.registry import FOLDERS as TASKS
from training.recipe import Hardware, Recipe

GRACE: Final = 10.0
"""Seconds that a process has to end when it is asked to."""
_THREADS: Final = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
_FOLDERS: Final = ("EVALSUITE_DATA", TASKS)
"""Variables that name folders, which may be relative to where the run was begun."""
_MEMORY: Final = {"MALLOC_ARENA_MAX": "1", "MALLOC_MMAP_MAX_": "0", "MALLOC_TRIM_THRESHOLD_": str(1 << 34)}
"""Let glibc keep what is freed: a stage on a CPU spends a quarter of its time getting the same pages back otherwise."""
_TAIL: Final = 1 << 16
_ERRORS: Final = (
    re.compile(r"(?:\[\w+\]: ?)?evalsuite: (?P<said>.+)"),
    re.compile(r"(?:\[\w+\]: ?)?(?P<said>(?!subprocess\.)[\w.]*(?:Error|Exception): .+)"),
)
"""An error in a process's output: in our own words, or as a traceback's last line; a launcher's own tells nothing."""


class ChildExit(NamedTuple):
    """How a process ended."""

    code: int
    """Its exit status; below 0 the signal that ended it."""
    said: str
    """Why, in one line, where it is not 0."""


def environment(recipe: Recipe, tasks: Path | None = None, alone: bool = True) -> dict[str, str]:
    """What a process of this recipe runs under: the same threads and the same hashes each time.

    `tasks`: a folder of benchmarks that come before those that EVALSUITE_TASKS names. `alone`: whether a recipe for one
    device shows the process no other.
    """
    found = dict(os.environ)
    if tasks is not None:
        found[TASKS] = os.pathsep.join([str(tasks), *filter(None, [found.get(TASKS)])])
    for name in _FOLDERS:
        if found.get(name):
            found[name] = os.pathsep.join(str(Path(place).absolute()) for place in found[name].split(os.pathsep))
    here = str(Path(__file__).absolute().parents[1])
    found["PYTHONPATH"] = os.pathsep.join([here, *filter(None, [found.get("PYTHONPATH")])])
    found["PYTHONHASHSEED"] = str(recipe.seed)
    found["TOKENIZERS_PARALLELISM"] = "false"
    if recipe.threads is not None:
        found |= dict.fromkeys(_THREADS, str(recipe.threads)) | _MEMORY
    if recipe.hardware.launch == "one" and alone:
        found["CUDA_VISIBLE_DEVICES"] = found.get("CUDA_VISIBLE_DEVICES", "0").partition(",")[0]
    return found


def call(module: Sequence[str], env: Mapping[str, str], log: Path, cwd: Path | None = None) -> ChildExit:
    """Run `python -m MODULE ARGUMENT...` in an environment, its output added to a file, and say how it ended."""
    command = [sys.executable, "-m", *module]
    try:
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("ab") as out:
            before = out.tell()
            child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=out, cwd=cwd, env=env)
    except OSError as error:
        raise RunError(f"{log}: can't be written: {error.strerror or error}") from None
    try:
        code = child.wait()
    except BaseException:
        _end(child)
        raise
    return ChildExit(code, "" if code == 0 else f"{_why(code, log, before)} (all that it said: {log})")


def launched(module: Sequence[str], hardware: Hardware) -> list[str]:
    """The same on every GPU, by `accelerate launch` with the config that the recipe names."""
    if hardware.launch == "one":
        return list(module)
    config = Path(__file__).parent / "accelerate" / f"{hardware.launch}.yaml"
    how = ["--config_file", str(config), "--num_processes", str(hardware.gpus), "--main_process_port", "0"]
    return ["accelerate.commands.launch", *how, "--module", *module]


def _why(code: int, log: Path, start: int) -> str:
    """The signal that ended a process, or the last error in what it wrote behind `start`, or else its last line."""
    if code < 0:
        memory = ", perhaps for want of memory" if code == -Signals.SIGKILL else ""
        return f"ended by {Signals(-code).name}{memory}"
    with log.open("rb") as stream:
        stream.seek(max(start, log.stat().st_size - _TAIL))
        lines = [line.strip() for line in stream.read().decode("utf-8", "replace").split("\n")]
    own, foreign = ([match["said"] for line in lines if (match := error.fullmatch(line))] for error in _ERRORS)
    if own or foreign:
        return str(own[-1] if own else foreign[0])  # of several processes' errors the first is the cause
    return next((line for line in reversed(lines) if line.strip("=-*")), "it said nothing")


def _end(child: subprocess.Popen[bytes]) -> None:
    """Ask a process to end, and make it end where it doesn't."""
    try:
        child.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(GRACE)
    finally:
        if child.poll() is None:
            child.kill()
            child.wait()
