"""What a person sees while a run goes: the bar in a real terminal of 80 columns, lines anywhere else."""

import os
import pty
import re
import sys

from evalsuite.run.progress import PlainProgress


def on_a_terminal(arguments, cwd, columns):
    """All that a process writes to a terminal of so many columns, and its exit code."""
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


def test_eighty_columns_hold_the_whole_state(tmp_path):
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


def test_what_a_server_said_moves_no_cursor(capsys):
    PlainProgress().say("no response: HTTP 500: \x1b[2J\x1b]0;mine\x07 \u202e")
    said = capsys.readouterr().err
    assert said == r"no response: HTTP 500: \x1b[2J\x1b]0;mine\x07 \u202e" + "\n"
