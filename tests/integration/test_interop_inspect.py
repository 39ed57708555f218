"""inspect-ai runs our tasks by its own commands: parameters, epochs, retries, figures, viewer."""

import json
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import bridged
import pyarrow.parquet as pq
import pytest
from inspect_ai.log import list_eval_logs, read_eval_log
from replay_server import ReplayServer

from evalsuite.cli import main
from evalsuite.data.load import load
from evalsuite.tasks.answer_format import write
from evalsuite.tasks.prompt import TaskPrompt
from evalsuite.tasks.registry import load_task
from evalsuite.tasks.rotation import rotated, rotations_of

pytestmark = pytest.mark.integration

TASK = "starter_vignette"
MODEL = ["--model", "openai-api/replay/m", "--display", "plain"]


def answers(task=TASK, format="answer_tag", text=lambda item, number: write("answer_tag", item.gold)):
    """What the model "m" says to each item of a task."""
    asked = bridged.prompts(task, format=format)
    return {("m", prompt): text(item, number) for number, (item, prompt) in enumerate(asked)}


def only_log(folder):
    (log,) = (read_eval_log(info) for info in list_eval_logs(str(folder)))
    return log


def figures(log):
    """Name to value of everything that inspect reports."""
    (found,) = log.results.scores
    return {name: metric.value for name, metric in found.metrics.items()}


def test_epochs_give_the_intervals_of_the_same_run_with_samples(tmp_path):
    def text(item, number):
        wrong = next(label for label in item.labels if label != item.gold)
        right = write("answer_tag", item.gold)
        mostly = right if number % 3 else write("answer_tag", wrong)
        return (right, mostly, f"The answer is {item.gold}.")

    limit, count = 12, 3
    with ReplayServer(answers(text=text)) as server:
        asked = [f"evalsuite/{TASK}", *MODEL, "--limit", limit, "--epochs", count, "--log-dir", tmp_path / "logs"]
        bridged.command("inspect", "eval", *asked, cwd=tmp_path, **bridged.replaying(server))
        bridged.native(server, "m", [TASK], tmp_path, "--limit", limit, "--samples", count)
    told = json.loads((tmp_path / "native-m" / "summary.json").read_text())["tasks"][TASK]
    found = figures(only_log(tmp_path / "logs"))
    for suffix in ("", "_lenient"):
        ours = told[f"accuracy{suffix}"]
        theirs = [found[f"{name}{suffix}"] for name in ("accuracy", "low", "high")]
        assert theirs == pytest.approx([ours["value"], ours["low"], ours["high"]])
    assert 0 < found["accuracy"] < found["accuracy_lenient"] < 1
    assert found["no_answer"] == told["status"]["no_answer"] == limit


def test_rotated_options_give_the_grades_of_the_same_run_item_by_item(tmp_path):
    """A model that knows some texts, takes the first place of others, and forgets the format of a few."""

    def text(number, shown):
        said = shown.gold if number % 3 else shown.labels[0]
        return write("answer_tag", said) if number % 5 else f"The answer is {said}."

    task = load_task(TASK)
    prompt = TaskPrompt(task, task.format)
    known = {}
    for number, item in enumerate(load(task).items):
        for shown in (rotated(item, rotation) for rotation in rotations_of(item)):
            known["m", prompt.messages(shown)[-1]["content"]] = text(number, shown)
    with ReplayServer(known) as server:
        asked = [f"evalsuite/{TASK}", *MODEL, "-T", "rotate_options=true", "--log-dir", tmp_path / "logs"]
        bridged.command("inspect", "eval", *asked, cwd=tmp_path, **bridged.replaying(server))
        bridged.native(server, "m", [TASK], tmp_path, "--rotate-options")
        assert len(server.requests) == 2 * len(known) == 2 * 20 * 4
    native, log = tmp_path / "native-m", only_log(tmp_path / "logs")
    rows = pq.read_table(native / "grades.parquet").to_pylist()
    ours = {(r["item"], r["rotation"]): (r["label"], r["status"], r["correct"], r["label_lenient"]) for r in rows}
    assert by_shift(log) == ours and len(ours) == len(known)
    told = json.loads((native / "summary.json").read_text())["tasks"][TASK]["accuracy"]
    found = figures(log)
    assert [found[name] for name in ("accuracy", "low", "high")] == pytest.approx(list(told.values()))
    assert main(["export", "inspect", str(native), "--out", str(tmp_path / "exported")]) == 0
    exported = only_log(tmp_path / "exported")
    assert by_shift(exported) == ours
    assert {each.id: each.input[-1].text for each in exported.samples} == {e.id: e.input[-1].text for e in log.samples}


def by_shift(log):
    """(Item, rotation) to what was read."""
    found = {}
    for sample in log.samples:
        score, own = sample.scores["evalsuite"], sample.metadata["evalsuite"]
        strict, lenient = score.metadata["strict"], score.metadata["lenient"]
        assert (score.value == "C") == strict["correct"] and score.answer == strict["label"]
        found[own["item"], own["rotation"]] = (strict["label"], strict["status"], strict["correct"], lenient["label"])
    return found


def test_a_rotated_log_is_not_read_back(tmp_path, capsys):
    run = tmp_path / "run"
    assert main(["run", "--model", "trivial/first", "--tasks", TASK, "--rotate-options", "--out", str(run)]) == 0
    assert main(["export", "inspect", str(run), "--out", str(tmp_path / "logs")]) == 0
    assert main(["import", str(tmp_path / "logs"), "--out", str(tmp_path / "again")]) == 2
    assert "its options were rotated" in capsys.readouterr().err


def test_retry_asks_again_only_for_what_failed(tmp_path):
    known = answers()
    lost = list(known)[3]
    text = known.pop(lost)
    logs = ["--log-dir", tmp_path / "logs"]
    with ReplayServer(known) as server:
        told = bridged.replaying(server)
        bridged.command(
            "inspect", "eval", f"evalsuite/{TASK}", *MODEL, *logs, "--no-fail-on-error", cwd=tmp_path, **told
        )
        server.answers = known | {lost: text}
        server.requests.clear()
        (first,) = list_eval_logs(str(tmp_path / "logs"))
        retried = ["--display", "plain", "--log-dir", tmp_path / "retried"]
        bridged.command(
            "inspect", "eval-retry", Path(first.name.removeprefix("file://")), *retried, cwd=tmp_path, **told
        )
        assert [body["messages"][-1]["content"] for body in server.requests] == [lost[1]]
    log = only_log(tmp_path / "retried")
    assert log.status == "success" and len(log.samples) == 20
    assert figures(log)["accuracy"] == 1.0


def test_parameters_shape_what_is_asked(tmp_path):
    boxed = answers(format="boxed", text=lambda item, number: write("boxed", item.gold))
    asked = ["-T", "format=boxed", "-T", "samples=2", "-T", "thinking=on", "--limit", 2, "--log-dir", tmp_path / "logs"]
    with ReplayServer(boxed) as server:
        bridged.command(
            "inspect", "eval", f"evalsuite/{TASK}", *MODEL, *asked, cwd=tmp_path, **bridged.replaying(server)
        )
        assert len(server.requests) == 2 * 2
        for body in server.requests:
            assert body["chat_template_kwargs"]["enable_thinking"] is True
            assert (body["temperature"], body["max_tokens"]) == (0.0, 4096)
    log = only_log(tmp_path / "logs")
    assert figures(log)["accuracy"] == 1.0
    score = log.samples[0].scores["evalsuite"]
    start, end = score.metadata["strict"]["span"]
    assert log.samples[0].output.completion[start:end] in score.explanation


def test_a_thought_that_the_template_opened_is_not_an_answer(tmp_path):
    unclosed = answers(text=lambda item, number: f"it must be <answer>{item.gold}</answer>")
    asked = ["-T", "prompt_opens_reasoning=true", "--limit", 2, "--log-dir", tmp_path / "logs"]
    with ReplayServer(unclosed) as server:
        bridged.command(
            "inspect", "eval", f"evalsuite/{TASK}", *MODEL, *asked, cwd=tmp_path, **bridged.replaying(server)
        )
    assert figures(only_log(tmp_path / "logs"))["reasoning_unclosed"] == 2


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        (["-T", "format=nope"], "unknown; there are answer_tag"),
        (["-T", "thinking=perhaps"], "expected auto, on or off"),
        (["-T", "data_dir=/nowhere"], "no such data folder"),
        (["-T", "thinking=on", "--limit", "1"], "no chat template to switch"),
    ],
)
def test_what_cannot_be_is_refused_in_words(tmp_path, asked, told):
    line = [f"evalsuite/{TASK}", "--model", "mockllm/model", "--display", "plain", *asked]
    said = bridged.command("inspect", "eval", *line, cwd=tmp_path, fails=True, COLUMNS="400")
    assert told in " ".join(said.split())


def test_view_shows_a_run_in_the_browser(tmp_path):
    out = tmp_path / "run"
    assert main(["run", "--model", "trivial/longest", "--tasks", TASK, "--out", str(out)]) == 0
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    viewer = subprocess.Popen([sys.executable, "-m", "evalsuite", "view", str(out), "--port", port])
    try:
        deadline = time.monotonic() + 60
        while True:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/logs", timeout=5) as page:
                    logs = json.load(page)["files"]
                break
            except OSError:
                assert viewer.poll() is None and time.monotonic() < deadline
                time.sleep(0.3)
        assert [log["task"] for log in logs] == ["starter-vignette"]
    finally:
        viewer.terminate()
        viewer.wait(30)
    with pytest.raises(OSError):
        urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=5)
