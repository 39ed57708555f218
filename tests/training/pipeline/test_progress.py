"""The progress of a stage: a bar in a real terminal of 80 columns, plain lines elsewhere."""

import json
import os
import pty
import re
import subprocess
import sys

import pytest

from training.pipeline.progress import numbers, speed
from training.run_folder import StageFolder

GRPO = {"loss": 0.1234, "reward": 0.4, "clipped": 0.12, "kl": 0.0123, "groups_all_0": 0.25, "groups_all_1": 0.15}
SCRIPT = """
import json, sys, time
from pathlib import Path
from training.run_folder import StageFolder
from training.pipeline.progress import PlainTrainingProgress, watch
folder = StageFolder(Path(sys.argv[1]))
folder.note(max_steps=45)
PlainTrainingProgress.every = 0.05
with watch(folder):
    for step in range(1, 46):
        with folder.metrics.open("a") as out:
            out.write(json.dumps({"step": step, "time": 60.0 * step, **json.loads(sys.argv[2])}) + "\\n")
        time.sleep(0.02)
"""


def lines(*steps, **numbers):
    return [{"step": step, "time": 2.0 * step, **numbers} for step in steps]


def test_speed_is_the_time_per_step_and_the_time_left():
    assert speed(lines(1, 2, 3), 45) == "step 3/45 · 2.0 s per step · 1:24 left"
    assert speed(lines(7), None) == "step 7"


def test_a_pause_between_two_processes_is_no_step():
    logged = lines(1, 2, 3) + [{"step": step, "time": 9000.0 + 2.0 * step} for step in (4, 5, 6)]
    assert speed(logged, 10) == "step 6/10 · 2.0 s per step · 0:08 left"


def test_an_evaluation_between_two_steps_is_not_timed():
    assert speed([*lines(1, 2), {"step": 2, "time": 50.0, "eval_loss": 1.0}, {"step": 3, "time": 52.0}], 4).startswith(
        "step 3/4 · 2.0"
    )


def test_numbers_are_means_of_the_last_ten_steps_that_have_them():
    logged = lines(*range(30), loss=9.0) + lines(*range(30, 40), loss=1.0) + lines(40, eval_loss=0.5, loss=None)
    assert numbers(logged) == "loss 1.000 · held-out loss 0.500"
    shown = "loss 0.123 · reward 0.400 · truncated 12% · KL 0.012 · all 0: 25% · all 1: 15%"
    assert numbers(lines(1, 2, **GRPO)) == shown and len(shown) <= 80


def test_a_line_that_is_being_written_is_left_for_later(tmp_path):
    folder = StageFolder(tmp_path)
    assert folder.recent_metrics() == []
    folder.metrics.write_text(json.dumps({"step": 1, "time": 1.0}) + '\n{"step": 2, "ti')
    assert [line["step"] for line in folder.recent_metrics()] == [1]


def test_only_the_end_of_a_long_file_is_read(tmp_path):
    folder = StageFolder(tmp_path)
    folder.metrics.write_text(
        "".join(json.dumps({"step": step, "time": step, "pad": "x" * 200}) + "\n" for step in range(9999))
    )
    logged = folder.recent_metrics()
    assert 100 < len(logged) < 400 and logged[-1]["step"] == 9998


@pytest.fixture
def command(tmp_path):
    return [sys.executable, "-c", SCRIPT, str(tmp_path / "1-rl"), json.dumps(GRPO)]


def test_a_pipe_gets_lines_and_the_last_state(command):
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    printed = done.stderr.splitlines()
    assert done.returncode == 0 and len(printed) > 1, done.stderr
    assert printed[-1] == f"1-rl: step 45/45 · 60.0 s per step · 0:00 left · {numbers([GRPO])}"
    steps = [int(re.search(r"step (\d+)/45", line)[1]) for line in printed]
    assert steps == sorted(set(steps))


def test_eighty_columns_hold_the_whole_state(command):
    process, terminal = pty.fork()
    if process == 0:
        os.execve(command[0], command, {**os.environ, "COLUMNS": "80", "TERM": "xterm"})
    written = b""
    while True:
        try:
            part = os.read(terminal, 65536)
        except OSError:
            break
        if not part:
            break
        written += part
    os.close(terminal)
    assert os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) == 0, written
    plain = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", written.decode())
    assert "…" not in plain
    assert re.search(r"━ step 45/45 · 60\.0 s per step · 0:00 left\s+loss 0\.123 · reward .* all 1: 15%", plain)
    assert max(len(line.rpartition("\r")[2]) for line in plain.splitlines()) <= 80
