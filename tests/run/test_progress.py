"""Progress on a real terminal of 80 columns and elsewhere."""

import os
import pty
import re
import sys

import pytest

from evalsuite.data.load import load
from evalsuite.models.backend import Request, Response
from evalsuite.run.progress import Pace, PlainProgress
from evalsuite.tasks.registry import load_task

ITEM = load(load_task("starter_recall")).items[0]


def on_a_terminal(arguments, cwd, columns):
    """Everything that a process writes to a terminal of `columns` columns, and its exit code."""
    process, terminal = pty.fork()
    if process == 0:
        os.chdir(cwd)
        environment = {**os.environ, "COLUMNS": str(columns), "TERM": "xterm"}
        os.execve(sys.executable, [sys.executable, "-m", "evalsuite", *arguments], environment)
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
    return written.decode(), os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])


def test_the_state_fits_into_80_columns(tmp_path):
    written, code = on_a_terminal(["run", "--model", "trivial/first", "--out", "run"], tmp_path, 80)
    assert code == 0, written
    plain = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", written)
    state = plain[: plain.index("trivial/first")]
    assert "…" not in state
    assert re.search(
        r" 78/78 [\d.,]+/s · 0:00 left · 0 tokens \(0/s\)\s+"
        r"accuracy [\d.]+% \[[\d.]+%, [\d.]+%\] · invalid 0.0% · truncated 0.0%",
        state,
    )
    assert max(len(line.rpartition("\r")[2]) for line in state.splitlines()) <= 80


def test_a_server_message_moves_no_cursor(capsys):
    PlainProgress().print_line("no response: HTTP 500: \x1b[2J\x1b]0;mine\x07 \u202e")
    printed = capsys.readouterr().err
    assert printed == r"no response: HTTP 500: \x1b[2J\x1b]0;mine\x07 \u202e" + "\n"


def test_the_time_left_is_told_from_the_second_batch_on_and_is_never_none_too_early():
    pace = Pace(100.0)
    assert pace.seconds_for(5, 101.0) is None
    for now in (102.0, 102.1, 102.15):  # they left together
        pace.count(now)
        assert pace.seconds_for(5, now) is None
    for now in (107.0, 107.1):  # amid a batch its time would be put down to a part of it
        pace.count(now)
        assert pace.seconds_for(5, now) is None
    pace.count(109.0)
    assert pace.seconds_for(5, 109.0) == pytest.approx(5 * 6.85 / 3)
    assert pace.seconds_for(5, 133.0) == pytest.approx(5 * 30.85 / 6)  # nothing has arrived since
    assert pace.seconds_for(0, 109.0) == 0
    for _ in range(10**4):
        pace.count(109.0)
    assert pace.seconds_for(1, 109.0) == 1


def test_a_batch_that_is_counted_one_by_one_changes_the_estimate_when_it_is_whole():
    pace = Pace(0.0)
    for at in (14.0, 28.0, 42.0):
        for _ in range(128):
            pace.count(at)
            estimate = pace.seconds_for(1280, at)
            assert estimate is None or 139 < estimate < 141
    assert pace.seconds_for(1280, 42.0) == pytest.approx(140.0)


def test_nothing_is_left_once_the_last_request_has_failed():
    progress = PlainProgress()
    progress.total = 3
    for sample in range(3):
        progress.failed(Response(Request("t", ITEM, sample, (), 0), error="HTTP 500"))
    assert " 0:00 left " in progress.rate(progress.start + 5)


def test_stored_responses_are_no_part_of_the_rate():
    progress = PlainProgress()
    progress.total, progress.done = 100, 60
    progress.sending()
    assert progress.rate(progress.start + 5).startswith("0.0/s · ? left · 0 tokens (0/s)")


def test_before_the_first_response_no_accuracy_is_shown(capsys):
    progress = PlainProgress()
    progress.total, progress.errors = 9, 1
    progress.show(progress.start + 1)
    shown = capsys.readouterr().err
    assert "0/9 " in shown and "1 failed" in shown and "nan" not in shown and "%" not in shown
