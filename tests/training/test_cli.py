"""The commands of `evalsuite train`: help is instant, and an error is one line that ends with its code."""

import subprocess
import sys
from pathlib import Path

import pytest

from evalsuite.cli import main
from evalsuite.errors import ErrorCode
from training.cli import cli

ROOT = Path(__file__).parents[2]


def one_line(capsys) -> str:
    printed = capsys.readouterr()
    assert printed.out == "" and printed.err.count("\n") == 1, printed.err
    return printed.err.rstrip("\n")


def test_help_loads_nothing_heavy():
    code = (
        "import sys\n"
        "from evalsuite.cli import main\n"
        "assert main(['train', '--help']) == 0 and main(['train', 'run', '--help']) == 0\n"
        "print(sorted(sys.modules.keys() & {'torch', 'transformers', 'trl', 'peft', 'datasets', 'pydantic', 'numpy'}))"
    )
    ended = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert ended.stdout.splitlines()[-1] == "[]", ended.stdout + ended.stderr


def test_a_missing_package_is_one_line():
    code = (
        "import sys\n"
        "sys.modules['training.data.manifest'] = None  # as if it were another package that isn't there\n"
        "from evalsuite.cli import main\n"
        "sys.exit(main(['train', 'freeze', '.', '--about', 'x', '--licence', 'y']))"
    )
    ended = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert ended.returncode == 2 and ended.stderr.count("\n") == 1
    assert "training.data.manifest" in ended.stderr and ended.stderr.endswith(f"[{ErrorCode.MISSING_PACKAGE}]\n")


def test_the_commands_are_those_that_people_call():
    assert cli.commands.keys() == {
        "run",
        "resume",
        "plan",
        "corpus",
        "report",
        "export",
        "verify",
        "freeze",
        "graph",
        "wiki",
        "mentions",
        "synthesize",
        "proofs",
        "refine",
        "review",
        "deidentify",
        "mix",
        "traces",
    }


@pytest.mark.parametrize(
    ("arguments", "value", "code"),
    [
        (["run", "nothing"], "nothing", ErrorCode.UNKNOWN_RECIPE),
        (["run", "reasonmed-8b"], "--data", ErrorCode.MISSING_ARGUMENT),
        (["resume", "nowhere"], "nowhere", ErrorCode.RUN_NOT_FOUND),
        (["export", "nowhere", "--out", "out"], "nowhere", ErrorCode.RUN_NOT_FOUND),
        (["run", "fleming-7b", "--data", ".", "--reuse-from", "nowhere"], "cold-start", None),
        (["verify", "nowhere.json"], "nowhere.json", None),
        (["run"], "RECIPE", None),
        (["frobnicate"], "frobnicate", None),
    ],
)
def test_an_error_is_one_line(tmp_path, monkeypatch, capsys, arguments, value, code):
    monkeypatch.chdir(tmp_path)
    assert main(["train", *arguments]) == 2
    line = one_line(capsys)
    assert value in line and (code is None or line.endswith(f"[{code}]"))
    assert list(tmp_path.iterdir()) == []


def test_a_folder_with_other_files_is_left_as_it_is(tmp_path, capsys):
    (tmp_path / "thesis.tex").write_text("text")
    assert main(["train", "run", "fleming-7b", "--data", str(tmp_path), "--out", str(tmp_path)]) == 2
    line = one_line(capsys)
    assert "--out" in line and line.endswith(f"[{ErrorCode.OUTPUT_EXISTS}]")
    assert [file.name for file in tmp_path.iterdir()] == ["thesis.tex"]


def test_absent_data_is_reported_before_anything_is_trained(tmp_path, capsys):
    (tmp_path / "data").mkdir()
    assert main(["train", "run", "fleming-7b", "--data", str(tmp_path / "data"), "--out", str(tmp_path / "run")]) == 2
    assert "cold-start" in one_line(capsys)
    assert not (tmp_path / "run" / "stages").exists()
