"""The run loop against a real server on loopback: kills, resumes, replicas' ends; nothing lost, nothing asked twice."""

import json
import os
import random
import signal
import subprocess
import sys
import time
import urllib.request
from collections import Counter
from pathlib import Path

import pyarrow.parquet as pq
import pytest

ROOT = Path(__file__).parents[2]
SAMPLES = 12
ITEMS = 78
WANTED = SAMPLES * ITEMS


@pytest.fixture(scope="module")
def server():
    """Address of a server that takes 20 ms for an answer."""
    command = [sys.executable, str(ROOT / "benchmarks" / "zero_server.py"), "--latency", "0.02"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout
    yield process.stdout.readline().strip()
    process.kill()
    process.wait()


def asked(server, reset=False):
    with urllib.request.urlopen(f"{server.removesuffix('/v1')}/{'reset' if reset else 'stats'}") as answer:
        return json.loads(answer.read() or b"{}").get("requests")


def start(server, folder, *more):
    command = [sys.executable, "-m", "evalsuite", "run", "--model", "openai/bench", "--base-url", server]
    command += [
        "--samples",
        str(SAMPLES),
        "--temperature",
        "0.5",
        "--concurrency",
        "16",
        "--out",
        str(folder),
        "--json",
    ]
    return subprocess.Popen([*command, *more], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def journal(folder):
    """Every (task, item, sample) that is on disk, whole lines only."""
    found = []
    for path in folder.glob("responses/*.jsonl"):
        for line in path.read_bytes().splitlines(keepends=True):
            if line.endswith(b"\n"):
                record = json.loads(line)
                found.append((path.stem, record["item"], record["sample"]))
    return found


def wait_for(folder, responses, process):
    while process.poll() is None and len(journal(folder)) < responses:
        time.sleep(0.01)


def test_killed_three_times_and_resumed_the_journal_is_exact(server, tmp_path):
    whole, _ = start(server, tmp_path / "whole").communicate()
    asked(server, reset=True)
    folder, draw = tmp_path / "killed", random.Random(int.from_bytes(os.urandom(4)))
    lost = 0
    for moment in sorted(draw.sample(range(20, WANTED - 60), 3)):
        process = start(server, folder)
        wait_for(folder, moment, process)
        process.kill()
        process.communicate()
        lost += 16
    resume = [sys.executable, "-m", "evalsuite", "run", "--resume", str(folder), "--json"]
    ended = subprocess.run(resume, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
    found = Counter(journal(folder))
    assert len(found) == WANTED and set(found.values()) == {1}
    assert asked(server) <= WANTED + lost, "only what was in flight may be asked again"
    summary, expected = json.loads(ended.stdout), json.loads(whole)
    assert {**summary, "run": ""} == {**expected, "run": ""}
    drop = ["latency"]
    grades = [
        pq.read_table(path / "grades.parquet")
        .drop(drop)
        .sort_by([(c, "ascending") for c in ("task", "item", "sample")])
        for path in (folder, tmp_path / "whole")
    ]
    assert grades[0].equals(grades[1])


def test_the_same_command_goes_on_where_it_stopped(server, tmp_path):
    process = start(server, tmp_path / "run")
    wait_for(tmp_path / "run", 100, process)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate()
    assert process.returncode == 130
    assert f"evalsuite run --resume {tmp_path / 'run'}" in said and "Traceback" not in said
    assert json.loads((tmp_path / "run" / "run.json").read_text())["ended"]["status"] == "interrupted"
    kept = len(journal(tmp_path / "run"))
    asked(server, reset=True)
    out, said = start(server, tmp_path / "run").communicate()
    assert asked(server) == WANTED - kept
    assert f"{kept} of {WANTED} responses are on disk" in said
    assert json.loads(out)["tasks"]["starter_recall"]["samples"] == SAMPLES


def test_without_out_the_unfinished_run_of_the_same_command_is_found(server, tmp_path):
    command = [sys.executable, "-m", "evalsuite", "run", "--model", "openai/bench", "--base-url", server]
    command += ["--samples", str(SAMPLES), "--concurrency", "8"]
    process = subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True)
    wait_for(next(iter_folders(tmp_path, process)), 50, process)
    process.kill()
    process.communicate()
    ended = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
    folders = list(tmp_path.glob("runs/*/*"))
    assert len(folders) == 1 and len(journal(folders[0])) == WANTED
    subprocess.run([*command, "--limit", "1"], cwd=tmp_path, check=True, capture_output=True)
    assert len(list(tmp_path.glob("runs/*/*"))) == 2, "another identity is another folder"


def iter_folders(root, process):
    while process.poll() is None:
        yield from root.glob("runs/*/*")
        time.sleep(0.01)


def test_a_server_that_dies_leaves_a_run_that_can_be_resumed(tmp_path):
    command = [sys.executable, str(ROOT / "benchmarks" / "zero_server.py"), "--latency", "0.02"]
    dying = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert dying.stdout
    address = dying.stdout.readline().strip()
    process = start(address, tmp_path / "run", "--model-arg", "patience=1")
    wait_for(tmp_path / "run", 100, process)
    dying.kill()
    dying.wait()
    _, said = process.communicate(timeout=60)
    assert process.returncode == 2 and "Traceback" not in said
    assert len([line for line in said.splitlines() if line.startswith("evalsuite: ")]) == 1
    facts = json.loads((tmp_path / "run" / "run.json").read_text())
    assert facts["ended"]["status"] == "failed" and facts["ended"]["reason"]
    alive = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert alive.stdout
    elsewhere = alive.stdout.readline().strip()
    try:
        resume = ["run", "--resume", str(tmp_path / "run"), "--base-url", elsewhere]
        ended = subprocess.run([sys.executable, "-m", "evalsuite", *resume], capture_output=True, text=True)
    finally:
        alive.kill()
        alive.wait()
    assert ended.returncode == 0, ended.stderr
    assert len(set(journal(tmp_path / "run"))) == WANTED


def test_two_processes_cannot_write_one_run(server, tmp_path):
    first = start(server, tmp_path / "run", "--concurrency", "3")  # six seconds, so that the second finds it at work
    wait_for(tmp_path / "run", 20, first)
    _, said = start(server, tmp_path / "run").communicate()
    assert "another process writes this run" in said
    first.communicate()
    assert first.returncode == 0
