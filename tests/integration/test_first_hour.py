"""A newcomer's first hour: README's commands, an own server, a suite of which a benchmark is missing, and a reward.

Everything runs as processes of its own in an empty folder; the server and the hub are on loopback.
"""

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.data.conftest import Hub, serving
from tests.models.fault_server import FaultServer, answer, reply_with

ROOT = Path(__file__).parents[2]
TRAIN = 12


@pytest.fixture
def evalsuite(tmp_path):
    """Run Python as somebody who has nothing but evalsuite: evalsuite(*arguments of the command, **environment)."""

    def run(*arguments: str, code: str | None = None, **environment: str) -> subprocess.CompletedProcess[str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("EVALSUITE", "HF_"))}
        settings = {"PYTHONPATH": str(ROOT), "XDG_CACHE_HOME": str(tmp_path / "cache"), "HF_HUB_DISABLE_TELEMETRY": "1"}
        command = [sys.executable, "-c", code] if code else [sys.executable, "-m", "evalsuite", *arguments]
        env = {**kept, **settings, "HF_HOME": str(tmp_path / "hf"), **environment}
        return subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, timeout=1800)

    return run


def first_commands() -> list[list[str]]:
    """The commands of README's first block behind the one that makes the environment."""
    block = re.search(r"<!-- first-run -->\n```sh\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    assert block
    commands = [shlex.split(command) for command in block[1].replace("\\\n", "").split("&&")]
    return [command[1:] for command in commands if command[0] == ".venv/bin/evalsuite"]


def test_the_first_commands_of_the_readme_work(evalsuite, tmp_path):
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    commands = first_commands()
    assert len(commands) == 3
    for command in commands:
        ended = evalsuite(*command, "--limit", "10")
        assert ended.returncode == 0, (command, ended.stderr)
        assert "accuracy" in ended.stdout and "Traceback" not in ended.stderr


def test_a_suite_runs_on_an_own_server_without_the_benchmark_that_is_missing(evalsuite, tmp_path):
    (tmp_path / "tasks").mkdir()
    (tmp_path / "tasks" / "suites.yaml").write_text(
        "hour: {about: x, tasks: [starter_recall, medqa, starter_evidence]}"
    )
    own = {"EVALSUITE_TASKS": str(tmp_path / "tasks")}
    with FaultServer() as server:
        arguments = ("run", "--model", "openai/m", "--base-url", server.url, "--suite", "hour", "--out", "run")
        refused = evalsuite(*arguments, "--require-all", **own)
        assert refused.returncode == 2 and refused.stderr.rstrip().endswith("[data_not_found]")
        assert not server.requests
        ended = evalsuite(*arguments, **own)
    assert ended.returncode == 0, ended.stderr
    assert "not run: medqa" in ended.stderr and "evalsuite data pull --tasks medqa" in ended.stderr
    assert list(json.loads((tmp_path / "run" / "summary.json").read_text())["tasks"]) == [
        "starter_recall",
        "starter_evidence",
    ]
    reported = evalsuite("report", "run", "--out", "report")
    assert reported.returncode == 0 and (tmp_path / "report" / "report.html").is_file(), reported.stderr


def test_a_run_with_a_request_that_failed_for_good_exits_with_1(evalsuite):
    refuse = reply_with(json.dumps({"error": {"message": "no such answer"}}).encode(), status=422)
    with FaultServer(lambda item, attempt: refuse if "phenylketonuria" in item else answer()) as server:
        ended = evalsuite(
            "run", "--model", "openai/m", "--base-url", server.url, "--tasks", "starter_recall", "--out", "run"
        )
    assert ended.returncode == 1, ended.stderr
    assert ended.stderr.rstrip().endswith("[run_incomplete]") and "accuracy" in ended.stdout


def test_a_reward_on_the_train_files_of_the_hub(evalsuite):
    pytest.importorskip("datasets")
    rows = [
        {
            "question": f"An invented question with number {number}?",
            "options": {"A": "one", "B": "two", "C": "three", "D": "four"},
            "answer": "two",
            "answer_idx": "B",
            "meta_info": "step1",
        }
        for number in range(TRAIN)
    ]
    lines = "".join(json.dumps(row) + "\n" for row in [*rows, rows[0]]).encode()
    with serving(Hub({"GBaker/MedQA-USMLE-4-options": {"phrases_no_exclude_train.jsonl": lines}})) as hub:
        pulled = evalsuite("data", "pull", "--split", "train", "--tasks", "medqa", HF_ENDPOINT=hub.url)
    assert pulled.returncode == 0, pulled.stderr
    code = (
        "import json, evalsuite.reward as r; rows = r.dataset('medqa'); "
        "print(json.dumps([len(rows), r.StrictReward()(completions=['<answer>B</answer>'] * len(rows), "
        "gold=rows['gold'], labels=rows['labels'])]))"
    )
    ended = evalsuite(code=code)
    assert ended.returncode == 0, ended.stderr
    assert json.loads(ended.stdout) == [TRAIN, [1.0] * TRAIN]
    assert f"{TRAIN} of the 10,178 train items" in ended.stderr
