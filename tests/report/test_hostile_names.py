"""What a run is called is text wherever it is shown: no formula, no mention, no command to a terminal."""

import csv
import io
import re

import numpy as np
import pytest

from evalsuite.analysis.run_result import read_result
from evalsuite.cli import main
from evalsuite.gate import gate, junit, markdown
from evalsuite.gate.policy import GatePolicy
from evalsuite.report import write_report
from evalsuite.util.markdown import code, plain

NAMES = ("=1+1", "+1", "-1", "@everyone", "=cmd|' /C calc'!A0", "\x1b[2J\x1b]0;owned\x07", "[red]x[/red] @everyone #1")
ALLOWED_CONTROLS = "\n"


def controls(text):
    return {char for char in text if not char.isprintable()} - set(ALLOWED_CONTROLS)


@pytest.fixture
def runs(made):
    right = np.random.default_rng(1).random(60) < 0.6
    return [made(f"r{n}", {"t": np.roll(right, n)}, f"openai/{name}") for n, name in enumerate(NAMES)]


def test_no_cell_of_a_csv_file_is_a_formula(runs, tmp_path):
    write_report(runs, tmp_path)
    text = (tmp_path / "leaderboard.csv").read_text("utf-8")
    rows = list(csv.DictReader(io.StringIO(text)))
    assert len(rows) == len(NAMES) and not controls(text)
    for row in rows:
        for column in ("name", "model", "run", "source", "task", "differs"):
            assert row[column][:1] not in ("=", "+", "-", "@")
    assert {"'=1+1", "'+1", "'-1", "'@everyone"} <= {row["name"] for row in rows}


def test_no_name_mentions_anybody_in_markdown(runs, tmp_path):
    write_report(runs, tmp_path)
    text = (tmp_path / "leaderboard.md").read_text("utf-8")
    outside = re.sub(r"`[^`\n]*`", "", text)
    assert not re.search(r"(?<![\w`])@\w|#\d", outside) and not controls(text) - {"\u200b"}
    decision = gate(read_result(runs[3]), read_result(runs[6]), GatePolicy())
    outside = re.sub(r"`[^`\n]*`", "", markdown(decision))
    assert "@" not in outside and not controls(markdown(decision))
    assert not controls(junit(decision).decode())


@pytest.mark.parametrize("command", ["compare", "gate"])
def test_no_name_commands_the_terminal_or_rich(runs, command, capsys):
    a, b = str(runs[5]), str(runs[6])
    main(["compare", a, b] if command == "compare" else ["gate", "--candidate", a, "--baseline", b])
    out, err = capsys.readouterr()
    assert not controls(out + err) and "[red]x[/red]" in out


def test_plain_and_code_show_what_they_are_given():
    assert plain("a_b *c* pass@1 a@b.c") == "a\\_b \\*c\\* pass@1 a@b.c"
    assert plain("@x (@y) #12") == "@\u200bx (@\u200by) #\u200b12"
    assert "\x1b" not in plain("\x1b[2J") and "\x1b" not in code("\x1b[2J") and "\u202e" not in plain("\u202e")
