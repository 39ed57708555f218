"""Does the tiny recipe end in the same weights when every one of its stages is killed on the way?

    evalsuite train run tiny --out RUN
    python benchmarks/tiny_killed.py RUN OUT

Goes through RUN's recipe again. In each stage the whole process group is ended by SIGKILL at a step drawn at random,
then the run is gone on with. Prints for each stage where it was killed, how much of it was done again, and whether its
weights are RUN's to the bit; exits 1 where one's aren't. About as long as RUN took.
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


def go_on(run: TrainingFolder) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "evalsuite", "train", "resume", str(run.path)]
    return subprocess.Popen(command, process_group=0)


def step_of(folder: StageFolder) -> int:
    return max((line["step"] for line in folder.read_metrics()), default=0)


def kill(run: TrainingFolder, folder: StageFolder, step: int) -> None:
    """Go on with a run until a stage has taken a step, and end it there."""
    process = go_on(run)
    while step_of(folder) < step:
        if process.poll() is not None:
            raise SystemExit(f"{run.path}: ended before {folder.path.name} had taken {step} steps")
        time.sleep(PAUSE)
    time.sleep(random.random())
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def main() -> int:
    whole, run = (TrainingFolder(Path(place).resolve()) for place in sys.argv[1:3])
    asked = read_spec(whole)
    write_spec(run, asked)
    killed = []
    for undisturbed, folder in zip(asked.stages(whole), asked.stages(run), strict=True):
        kill(run, folder, random.randint(1, undisturbed.read("stage.json")["steps"] - 1))
        last = latest(folder.checkpoints)
        killed.append((step_of(folder), 0 if last is None else last.step))
    if go_on(run).wait():
        return 1
    rows = []
    for undisturbed, folder, (at, kept) in zip(asked.stages(whole), asked.stages(run), killed, strict=True):
        there, here = (sha256_of(each.model / WEIGHTS) for each in (undisturbed, folder))
        steps = folder.read("stage.json")["steps"]
        rows.append((folder.path.name, here[:16], "yes" if there == here else "no", f"{steps}", f"{at}", f"{kept}"))
    print(table(("stage", "sha256 of its weights", "equal", "steps", "killed at", "went on from"), rows, left=3))
    equal = all(row[2] == "yes" for row in rows)
    return 0 if equal else 1


if __name__ == "__main__":
    sys.exit(main())
