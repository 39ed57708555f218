"""Runs against servers whose replies can't be graded: which are final, which stop a run, and what a resume requests."""

import json
import os
import signal
import subprocess
import sys
import time

import pyarrow.parquet as pq
import pytest

from evalsuite.errors import ErrorCode
from tests.models.fault_server import FaultServer, answer, completion, hang, reply_with

ENVIRONMENT = {name: value for name, value in os.environ.items() if name not in ("EVALSUITE_API_KEY", "OPENAI_API_KEY")}


def command(server, folder, *more):
    run = [sys.executable, "-m", "evalsuite", "run", "--model", "openai/m", "--base-url", server.url]
    return [
        *run,
        "--tasks",
        "starter_recall",
        "--format",
        "answer_tag",
        "--concurrency",
        "4",
        "--out",
        str(folder),
        *more,
    ]


def run(server, folder, *more):
    arguments = command(server, folder, "--json", *more)
    return subprocess.run(arguments, capture_output=True, text=True, env=ENVIRONMENT, check=False)


def statuses(folder):
    return json.loads((folder / "summary.json").read_text())["tasks"]["starter_recall"]["status"]


def only_reasoning(item, attempt):
    return reply_with(completion(None, reasoning="The answer is <answer>B</answer>"))


def no_content(finish):
    return reply_with({"choices": [{"message": {"role": "assistant"}, "finish_reason": finish}]})


@pytest.mark.parametrize(
    ("finish", "status"),
    [("length", "truncated"), ("content_filter", "refused"), ("stop", "empty"), ("tool_calls", "empty")],
)
def test_a_reply_without_content_is_final_and_paid_for_once(tmp_path, finish, status):
    with FaultServer(lambda item, attempt: no_content(finish)) as server:
        assert run(server, tmp_path / "run").returncode == 0
        sent = len(server.requests)
        assert statuses(tmp_path / "run") == {status: sent}
        assert run(server, tmp_path / "run").returncode == 0
        assert len(server.requests) == sent


def test_an_unknown_finish_reason_is_kept_counted_and_graded(tmp_path):
    with FaultServer(lambda item, attempt: reply_with(completion(finish="Exhausted"))) as server:
        ended = run(server, tmp_path / "run")
    task = json.loads(ended.stdout)["tasks"]["starter_recall"]
    assert any(f"exhausted ({task['n']})" in note for note in task["notes"])
    assert task["status"] == {"ok": task["n"]}
    assert set(pq.read_table(tmp_path / "run" / "grades.parquet")["finish"].to_pylist()) == {"exhausted"}


def test_a_run_with_absurd_token_counts_finishes(tmp_path):
    reply = completion() | {"usage": {"prompt_tokens": 2**64 - 1, "completion_tokens": 2**62}}
    with FaultServer(lambda item, attempt: reply_with(reply)) as server:
        assert run(server, tmp_path / "run").returncode == 0
    assert statuses(tmp_path / "run").keys() == {"ok"}
    assert pq.read_table(tmp_path / "run" / "grades.parquet")["output_tokens"].null_count == 20


def test_a_server_that_puts_answers_into_the_reasoning_stops_the_run_which_is_resumable(tmp_path):
    folder = tmp_path / "run"
    with FaultServer(only_reasoning) as server:
        ended = run(server, folder)
        assert ended.returncode == 2 and f"[{ErrorCode.ANSWERS_IN_REASONING}]" in ended.stderr
        assert "--reasoning-parser" in ended.stderr
        assert json.loads((folder / "run.json").read_text())["ended"]["code"] == "answers_in_reasoning"
        taken = len((folder / "responses" / "starter_recall.jsonl").read_text().splitlines())
        assert 20 <= taken <= 24
        server.plan = lambda item, attempt: answer()
        ended = run(server, folder)
    assert ended.returncode == 0, ended.stderr
    task = json.loads(ended.stdout)["tasks"]["starter_recall"]
    assert "reasoning_only" not in task["status"] and sum(task["status"].values()) == task["n"]
    assert len((folder / "taken_back" / "starter_recall.jsonl").read_text().splitlines()) == taken
    assert len((folder / "responses" / "starter_recall.jsonl").read_text().splitlines()) == task["n"]


def test_such_responses_are_kept_where_the_user_says_so(tmp_path):
    with FaultServer(only_reasoning) as server:
        ended = run(server, tmp_path / "run", "--model-arg", "reasoning_only=keep")
    task = json.loads(ended.stdout)["tasks"]["starter_recall"]
    assert task["status"] == task["status_lenient"] == {"reasoning_only": task["n"]}
    assert set(pq.read_table(tmp_path / "run" / "grades.parquet")["status"].to_pylist()) == {"reasoning_only"}


def test_a_few_such_responses_stop_nothing_and_are_not_requested_again(tmp_path):
    def plan(item, attempt):
        return only_reasoning(item, attempt) if len(server.requests) % 10 == 0 else answer()

    with FaultServer(plan) as server:
        assert run(server, tmp_path / "run").returncode == 0
        sent = len(server.requests)
        assert statuses(tmp_path / "run")["reasoning_only"] == sent // 10
        run(server, tmp_path / "run")
        assert len(server.requests) == sent


@pytest.mark.parametrize(("sent", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_a_run_with_its_state_saved(tmp_path, sent, code):
    folder = tmp_path / "run"
    with FaultServer(lambda item, attempt: answer() if len(server.requests) < 9 else hang()) as server:
        process = subprocess.Popen(command(server, folder), stderr=subprocess.PIPE, text=True, env=ENVIRONMENT)
        while (process.poll() is None and server.in_flight < 4) or not (folder / "responses").is_dir():
            time.sleep(0.02)
        process.send_signal(sent)
        _, stderr = process.communicate(timeout=20)
    assert process.returncode == code
    assert f"evalsuite run --resume {folder}" in stderr and "Traceback" not in stderr
    assert json.loads((folder / "run.json").read_text())["ended"]["status"] == "interrupted"
