"""Progress on a real terminal of 80 columns and elsewhere."""

import os
import pty
import re
import sys

from evalsuite.run.progress import PlainProgress


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
