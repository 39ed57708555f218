"""Commands of other packages: found by their entry points, and a broken one stops no other command."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from evalsuite.errors import ErrorCode

ROOT = Path(__file__).parents[2]
SOURCE = """
import errno

import click

@click.command()
@click.argument("name")
def fails(name):
    raise OSError(getattr(errno, name), "as requested")

@click.command()
@click.argument("word")
def shout(word):
    "Print a word in capitals."
    click.echo(word.upper())

@click.command()
@click.argument("name")
def fails_at_path(name):
    raise OSError(getattr(errno, name), "as requested", "some/path")

text = "no command"
number = 7

def broken():
    raise RuntimeError("two\\nlines")
"""


@pytest.fixture
def evalsuite(tmp_path):
    """Run evalsuite where another package is installed, whose entry points are given: evalsuite(points, *arguments)."""

    def run(
        points: dict[str, str], *arguments: str, group: str = "evalsuite.commands"
    ) -> subprocess.CompletedProcess[str]:
        (tmp_path / "other.py").write_text(SOURCE)
        metadata = tmp_path / "other-1.0.dist-info"
        metadata.mkdir(exist_ok=True)
        (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: other\nVersion: 1.0\n")
        lines = "".join(f"{name} = {place}\n" for name, place in points.items())
        (metadata / "entry_points.txt").write_text(f"[{group}]\n{lines}")
        env = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(tmp_path)])}
        command = [sys.executable, "-m", "evalsuite", *arguments]
        return subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, timeout=60)

    return run


def test_an_installed_package_adds_a_command(evalsuite):
    ended = evalsuite({"shout": "other:shout"}, "shout", "pulse")
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "PULSE\n", "")


def test_help_lists_added_commands_with_their_summary_and_names_what_is_broken(evalsuite):
    ended = evalsuite({"shout": "other:shout", "lost": "nowhere:command"}, "--help")
    assert ended.returncode == 0, ended.stderr
    lines = ended.stdout.splitlines()
    assert any(line.split(maxsplit=1) == ["shout", "Print a word in capitals."] for line in lines)
    assert any(line.split()[:2] == ["lost", "(lost:"] for line in lines)
    assert any(line.split()[:1] == ["run"] for line in lines)


@pytest.mark.parametrize("place", ["nowhere:command", "other:absent", "other:text"])
def test_a_broken_command_stops_itself_alone(evalsuite, place):
    ended = evalsuite({"broken": place}, "broken")
    assert ended.returncode == 2 and ended.stderr.rstrip().endswith(f"[{ErrorCode.COMMAND_NOT_LOADABLE}]")
    assert place in ended.stderr and ended.stderr.count("\n") == 1


@pytest.mark.parametrize("name", ["ENOSPC", "EDQUOT"])
def test_a_disk_or_a_quota_that_is_full_is_one_line(evalsuite, name):
    ended = evalsuite({"fails": "other:fails"}, "fails", name)
    assert ended.returncode == 2 and ended.stderr.rstrip().endswith(f"[{ErrorCode.OUTPUT_NOT_WRITABLE}]")
    assert ended.stderr.count("\n") == 1


def test_any_other_error_of_the_system_keeps_its_traceback(evalsuite):
    ended = evalsuite({"fails": "other:fails"}, "fails", "EIO")
    assert ended.returncode == 1 and "Traceback" in ended.stderr


def test_another_command_does_not_notice_a_broken_one(evalsuite):
    ended = evalsuite({"broken": "nowhere:command"}, "tasks", "list", "--help")
    assert ended.returncode == 0, ended.stderr


def test_a_command_of_evalsuite_cannot_be_replaced(evalsuite):
    ended = evalsuite({"run": "other:shout"}, "run", "--help")
    assert ended.returncode == 0 and "--model" in ended.stdout


@pytest.mark.parametrize("place", ["nowhere:folder", "other:absent", "other:number", "other:broken"])
def test_broken_tasks_of_another_package_stop_no_command(evalsuite, place):
    ended = evalsuite({"broken": place}, "tasks", group="evalsuite.tasks")
    assert ended.returncode == 0 and "starter_recall" in ended.stdout
    assert [line for line in ended.stderr.splitlines() if place in line and "warning" in line] == [ended.stderr.strip()]


@pytest.mark.parametrize("place", ["nowhere:Model", "other:absent", "other:text"])
def test_a_broken_backend_of_another_package_stops_itself_alone(evalsuite, place):
    ended = evalsuite({"broken": place}, "run", "--model", "broken/x", group="evalsuite.backends")
    assert ended.returncode == 2 and ended.stderr.rstrip().endswith(f"[{ErrorCode.MISSING_PACKAGE}]")
    assert place in ended.stderr and ended.stderr.count("\n") == 1
    ended = evalsuite({"broken": place}, "run", "--model", "trivial/first", "--out", "run", group="evalsuite.backends")
    assert ended.returncode == 0, ended.stderr


@pytest.mark.parametrize("command", ["tasks", "tasks check", "doctor", "data verify", "tasks nowhere"])
def test_a_malformed_card_of_somebody_else_stops_its_own_task_alone(evalsuite, tmp_path, monkeypatch, command):
    for name, card in (("broken", "name: broken\nunknown: 1\n"), ("deep", "[" * 200)):
        (tmp_path / "tasks" / name).mkdir(parents=True)
        (tmp_path / "tasks" / name / "task.yaml").write_text(card)
    (tmp_path / "tasks" / "suites.yaml").write_text("mine: [x]\n")
    (tmp_path / "data").mkdir()
    monkeypatch.setenv("EVALSUITE_TASKS", str(tmp_path / "tasks"))
    monkeypatch.setenv("EVALSUITE_DATA", str(tmp_path / "data"))
    ended = evalsuite({}, *command.split())
    assert "Traceback" not in ended.stderr
    warned = [line for line in ended.stderr.splitlines() if "warning" in line]
    assert any(f"tasks{os.sep}broken" in line for line in warned) and any("task deep" in line for line in warned)
    errors = [line for line in ended.stderr.splitlines() if "warning" not in line]
    refused = command in ("data verify", "tasks nowhere")
    assert (ended.returncode, len(errors)) == ((2, 1) if refused else (0, 0))
    own = evalsuite({}, "tasks", "broken")
    assert own.returncode == 2 and own.stderr.rstrip().endswith(f"[{ErrorCode.INVALID_TASK_CARD}]")


@pytest.mark.parametrize("name", ["EACCES", "EROFS", "ENOTDIR", "ENOENT", "ELOOP", "EBUSY", "EINVAL"])
def test_a_path_that_cannot_be_written_is_one_line(evalsuite, name):
    ended = evalsuite({"fails": "other:fails_at_path"}, "fails", name)
    assert ended.returncode == 2 and ended.stderr.rstrip().endswith(f"[{ErrorCode.OUTPUT_NOT_WRITABLE}]")
    assert "some/path" in ended.stderr and ended.stderr.count("\n") == 1
