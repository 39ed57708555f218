"""The run loop against a real server on loopback: after kills and resumes no response is lost or requested twice."""

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

from evalsuite.errors import ErrorCode

ROOT = Path(__file__).parents[2]
SAMPLES = 12
ITEMS = 78
REQUESTS = SAMPLES * ITEMS


@pytest.fixture(scope="module")
def server():
    """Address of a server that responds after 20 ms."""
    command = [sys.executable, str(ROOT / "benchmarks" / "zero_server.py"), "--latency", "0.02"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout
    yield process.stdout.readline().strip()
    process.kill()
    process.wait()


def request_count(server, reset=False):
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
    """Every (task, item, sample) that is on disk in a complete line."""
    records = []
    for path in folder.glob("responses/*.jsonl"):
        for line in path.read_bytes().splitlines(keepends=True):
            if line.endswith(b"\n"):
                record = json.loads(line)
                records.append((path.stem, record["item"], record["sample"]))
    return records


def wait_for(folder, responses, process):
    while process.poll() is None and len(journal(folder)) < responses:
        time.sleep(0.01)


def test_after_three_kills_and_a_resume_the_journal_is_exact(server, tmp_path):
    complete, _ = start(server, tmp_path / "complete").communicate()
    request_count(server, reset=True)
    folder, draw = tmp_path / "killed", random.Random(int.from_bytes(os.urandom(4)))
    lost = 0
    for count in sorted(draw.sample(range(20, REQUESTS - 60), 3)):
        process = start(server, folder)
        wait_for(folder, count, process)
        process.kill()
        process.communicate()
        lost += 16
    resume = [sys.executable, "-m", "evalsuite", "run", "--resume", str(folder), "--json"]
    done = subprocess.run(resume, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    records = Counter(journal(folder))
    assert len(records) == REQUESTS and set(records.values()) == {1}
    assert request_count(server) <= REQUESTS + lost, "only requests in flight may be sent again"
    summary, expected = json.loads(done.stdout), json.loads(complete)
    own = dict.fromkeys(("run", "digests", "checksum"))  # the latencies in the files differ
    assert {**summary, **own} == {**expected, **own}
    drop = ["latency"]
    grades = [
        pq.read_table(path / "grades.parquet")
        .drop(drop)
        .sort_by([(c, "ascending") for c in ("task", "item", "sample")])
        for path in (folder, tmp_path / "complete")
    ]
    assert grades[0].equals(grades[1])


def test_the_same_command_resumes_an_interrupted_run(server, tmp_path):
    process = start(server, tmp_path / "run")
    wait_for(tmp_path / "run", 100, process)
    process.send_signal(signal.SIGINT)
    _, stderr = process.communicate()
    assert process.returncode == 130
    assert f"evalsuite run --resume {tmp_path / 'run'}" in stderr and "Traceback" not in stderr
    assert json.loads((tmp_path / "run" / "run.json").read_text())["ended"]["status"] == "interrupted"
    stored = len(journal(tmp_path / "run"))
    request_count(server, reset=True)
    out, stderr = start(server, tmp_path / "run").communicate()
    assert request_count(server) == REQUESTS - stored
    assert f"{stored} of {REQUESTS} responses are on disk" in stderr
    assert json.loads(out)["tasks"]["starter_recall"]["samples"] == SAMPLES


def test_without_out_the_same_command_resumes_its_unfinished_run(server, tmp_path):
    command = [sys.executable, "-m", "evalsuite", "run", "--model", "openai/bench", "--base-url", server]
    command += ["--samples", str(SAMPLES), "--concurrency", "8"]
    process = subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True)
    wait_for(next(iter_folders(tmp_path, process)), 50, process)
    process.kill()
    process.communicate()
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    folders = list(tmp_path.glob("runs/*/*"))
    assert len(folders) == 1 and len(journal(folders[0])) == REQUESTS
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
    _, stderr = process.communicate(timeout=60)
    assert process.returncode == 2 and "Traceback" not in stderr
    assert len([line for line in stderr.splitlines() if line.startswith("evalsuite: ")]) == 1
    facts = json.loads((tmp_path / "run" / "run.json").read_text())
    assert facts["ended"]["status"] == "failed" and facts["ended"]["reason"]
    alive = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert alive.stdout
    other_address = alive.stdout.readline().strip()
    try:
        resume = ["run", "--resume", str(tmp_path / "run"), "--base-url", other_address]
        done = subprocess.run([sys.executable, "-m", "evalsuite", *resume], capture_output=True, text=True)
    finally:
        alive.kill()
        alive.wait()
    assert done.returncode == 0, done.stderr
    assert len(set(journal(tmp_path / "run"))) == REQUESTS


def test_two_processes_cannot_write_one_run(server, tmp_path):
    first = start(server, tmp_path / "run", "--concurrency", "3")
    wait_for(tmp_path / "run", 20, first)
    first.send_signal(signal.SIGSTOP)  # however slow the machine is, the second process finds the first at work
    try:
        _, stderr = start(server, tmp_path / "run").communicate()
    finally:
        first.send_signal(signal.SIGCONT)
    assert f"[{ErrorCode.RUN_LOCKED}]" in stderr
    first.communicate()
    assert first.returncode == 0
