"""Does the tiny recipe end in the same weights if each of its stages is killed on the way?

    evalsuite train run tiny --out RUN
    python benchmarks/tiny_killed.py RUN OUT

Trains RUN's recipe again. In each stage the process group is ended by SIGKILL at a random step, and the run is resumed.
Prints for each stage where it was killed, from which checkpoint it was resumed, and whether its weights are those of
RUN bit for bit; exits with 1 if any differ. Takes about as long as RUN.
"""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

from evalsuite.util.file_digest import sha256_of
from evalsuite.util.markdown import table
from training.run_folder import StageFolder, TrainingFolder
from training.run_spec import read_spec, write_spec
from training.stages.checkpoints import latest

WEIGHTS = "model.safetensors"
PAUSE = 0.05


def resume(run: TrainingFolder) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "evalsuite", "train", "resume", str(run.path)]
    return subprocess.Popen(command, process_group=0)


def step_of(folder: StageFolder) -> int:
    return max((line["step"] for line in folder.read_metrics()), default=0)


def kill(run: TrainingFolder, folder: StageFolder, step: int) -> None:
    """Resume a run until a stage has taken a step, and kill it there."""
    process = resume(run)
    while step_of(folder) < step:
        if process.poll() is not None:
            raise SystemExit(f"{run.path}: ended before {folder.path.name} had taken {step} steps")
        time.sleep(PAUSE)
    time.sleep(random.random())
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def main() -> int:
    finished, run = (TrainingFolder(Path(place).resolve()) for place in sys.argv[1:3])
    spec = read_spec(finished)
    write_spec(run, spec)
    killed = []
    for undisturbed, folder in zip(spec.stages(finished), spec.stages(run), strict=True):
        kill(run, folder, random.randint(1, undisturbed.read("stage.json")["steps"] - 1))
        last = latest(folder.checkpoints)
        killed.append((step_of(folder), 0 if last is None else last.step))
    if resume(run).wait():
        return 1
    rows = []
    for undisturbed, folder, (at, resumed_from) in zip(spec.stages(finished), spec.stages(run), killed, strict=True):
        expected, actual = (sha256_of(each.model / WEIGHTS) for each in (undisturbed, folder))
        steps = folder.read("stage.json")["steps"]
        rows.append(
            (
                folder.path.name,
                actual[:16],
                "yes" if expected == actual else "no",
                f"{steps}",
                f"{at}",
                f"{resumed_from}",
            )
        )
    print(table(("stage", "sha256 of its weights", "equal", "steps", "killed at", "resumed from"), rows, left=3))
    equal = all(row[2] == "yes" for row in rows)
    return 0 if equal else 1


if __name__ == "__main__":
    sys.exit(main())
