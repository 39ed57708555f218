"""The commands from outside: help at once, errors in one line."""

import subprocess
import sys
from pathlib import Path

import pytest

from evalsuite.cli import main
from training.cli import cli

ROOT = Path(__file__).parents[2]


def one_line(capsys) -> str:
    said = capsys.readouterr()
    assert said.out == "" and said.err.count("\n") == 1, said.err
    return said.err


def test_help_loads_nothing_heavy():
    code = (
        "import sys\n"
        "from evalsuite.cli import main\n"
        "assert main(['train', '--help']) == 0 and main(['train', 'run', '--help']) == 0\n"
        "print(sorted(sys.modules.keys() & {'torch', 'transformers', 'trl', 'peft', 'datasets', 'pydantic', 'numpy'}))"
    )
    ended = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert ended.stdout.splitlines()[-1] == "[]", ended.stdout + ended.stderr


def test_a_package_that_is_missing_is_one_line():
    code = (
        "import sys\n"
        "sys.modules['training.data.manifest'] = None  # as if it were another package that isn't there\n"
        "from evalsuite.cli import main\n"
        "sys.exit(main(['train', 'freeze', '.', '--about', 'x', '--licence', 'y']))"
    )
    ended = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert ended.returncode == 2 and ended.stderr.startswith("evalsuite: training.data.manifest can't be imported")


def test_the_commands_are_those_that_people_call():
    assert cli.commands.keys() == {"run", "resume", "plan", "report", "export", "verify", "freeze"}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["run", "nothing"], "nothing: no such recipe; give a file or one of"),
        (["run", "reasonmed-8b"], "give --data DIR with the folders corpus, traces, questions"),
        (["resume", "nowhere"], "no training run is here"),
        (["export", "nowhere", "--out", "out"], "no training run is here"),
        (["verify", "nowhere.json"], "nowhere.json: can't be read"),
        (["run"], "Missing argument 'RECIPE'"),
        (["frobnicate"], "No such command 'frobnicate'"),
    ],
)
def test_an_error_is_one_line(tmp_path, monkeypatch, capsys, arguments, said):
    monkeypatch.chdir(tmp_path)
    assert main(["train", *arguments]) == 2
    assert said in one_line(capsys)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_with_other_files_is_left_as_it_is(tmp_path, capsys):
    (tmp_path / "thesis.tex").write_text("mine")
    assert main(["train", "run", "fleming-7b", "--data", str(tmp_path), "--out", str(tmp_path)]) == 2
    assert "not empty and not a training run" in one_line(capsys)
    assert [file.name for file in tmp_path.iterdir()] == ["thesis.tex"]


def test_data_that_is_absent_is_told_before_anything_is_trained(tmp_path, capsys):
    (tmp_path / "data").mkdir()
    assert main(["train", "run", "fleming-7b", "--data", str(tmp_path / "data"), "--out", str(tmp_path / "run")]) == 2
    assert "cold-start" in one_line(capsys)
    assert not (tmp_path / "run" / "stages").exists()
