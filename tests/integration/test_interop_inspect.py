"""inspect-ai runs the tasks by its own commands: parameters, epochs, retries, metrics, viewer."""

import json
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import harness_commands as harness
import pyarrow.parquet as pq
import pytest
from inspect_ai.log import list_eval_logs, read_eval_log
from replay_server import ReplayServer

from evalsuite.cli import main
from evalsuite.data.load import load
from evalsuite.errors import ErrorCode
from evalsuite.tasks.answer_format import write
from evalsuite.tasks.prompt import TaskPrompt
from evalsuite.tasks.registry import load_task
from evalsuite.tasks.rotation import rotated, rotations_of
from evalsuite.util.checksum import with_checksum

pytestmark = pytest.mark.integration

TASK = "starter_vignette"
MODEL = ["--model", "openai-api/replay/m", "--display", "plain"]


def answers(task=TASK, format="answer_tag", text=lambda item, number: write("answer_tag", item.gold)):
    """Responses of the model "m" to the items of a task, for a replay server."""
    return {
        ("m", prompt): text(item, number) for number, (item, prompt) in enumerate(harness.prompts(task, format=format))
    }


def only_log(folder):
    (log,) = (read_eval_log(info) for info in list_eval_logs(str(folder)))
    return log


def metrics(log):
    """{name: value} of everything that inspect-ai reports."""
    (score,) = log.results.scores
    return {name: metric.value for name, metric in score.metrics.items()}


def inspect_eval(server, folder, *arguments):
    """Run `inspect eval` on the task, with the replay server as the model "m"."""
    harness.command(
        "inspect", "eval", f"evalsuite/{TASK}", *MODEL, *arguments, cwd=folder, **harness.replay_variables(server)
    )


def test_epochs_give_the_intervals_of_the_same_run_with_samples(tmp_path):
    def text(item, number):
        wrong = next(label for label in item.labels if label != item.gold)
        right = write("answer_tag", item.gold)
        mostly = right if number % 3 else write("answer_tag", wrong)
        return (right, mostly, f"The answer is {item.gold}.")

    limit, count = 12, 3
    with ReplayServer(answers(text=text)) as server:
        inspect_eval(server, tmp_path, "--limit", limit, "--epochs", count, "--log-dir", tmp_path / "logs")
        harness.evalsuite_run(server, "m", [TASK], tmp_path, "--limit", limit, "--samples", count)
    summary = json.loads((tmp_path / "native-m" / "summary.json").read_text())["tasks"][TASK]
    values = metrics(only_log(tmp_path / "logs"))
    for suffix in ("", "_lenient"):
        accuracy = summary[f"accuracy{suffix}"]
        interval = [values[f"{name}{suffix}"] for name in ("accuracy", "low", "high")]
        assert interval == pytest.approx([accuracy["value"], accuracy["low"], accuracy["high"]])
    assert 0 < values["accuracy"] < values["accuracy_lenient"] < 1
    assert values["no_answer"] == summary["status"]["no_answer"] == limit


def test_rotated_options_give_the_grades_of_the_same_run_item_by_item(tmp_path):
    """The model knows some option texts, picks the first option of others, and sometimes ignores the format."""

    def text(number, shown):
        label = shown.gold if number % 3 else shown.labels[0]
        return write("answer_tag", label) if number % 5 else f"The answer is {label}."

    task = load_task(TASK)
    prompt = TaskPrompt(task, task.format)
    responses = {}
    for number, item in enumerate(load(task).items):
        for shown in (rotated(item, rotation) for rotation in rotations_of(item)):
            responses["m", prompt.messages(shown)[-1]["content"]] = text(number, shown)
    with ReplayServer(responses) as server:
        inspect_eval(server, tmp_path, "-T", "rotate_options=true", "--log-dir", tmp_path / "logs")
        harness.evalsuite_run(server, "m", [TASK], tmp_path, "--rotate-options")
        assert len(server.requests) == 2 * len(responses) == 2 * 20 * 4
    native, log = tmp_path / "native-m", only_log(tmp_path / "logs")
    rows = pq.read_table(native / "grades.parquet").to_pylist()
    grades = {(r["item"], r["rotation"]): (r["label"], r["status"], r["correct"], r["label_lenient"]) for r in rows}
    assert grades_by_rotation(log) == grades and len(grades) == len(responses)
    accuracy = json.loads((native / "summary.json").read_text())["tasks"][TASK]["accuracy"]
    values = metrics(log)
    assert [values[name] for name in ("accuracy", "low", "high")] == pytest.approx(list(accuracy.values()))
    assert main(["export", "inspect", str(native), "--out", str(tmp_path / "exported")]) == 0
    exported = only_log(tmp_path / "exported")
    assert grades_by_rotation(exported) == grades
    assert {each.id: each.input[-1].text for each in exported.samples} == {e.id: e.input[-1].text for e in log.samples}


def grades_by_rotation(log):
    """{(item id, rotation): label, status, correct, lenient label}."""
    grades = {}
    for sample in log.samples:
        score, stored = sample.scores["evalsuite"], sample.metadata["evalsuite"]
        strict, lenient = score.metadata["strict"], score.metadata["lenient"]
        assert (score.value == "C") == strict["correct"] and score.answer == strict["label"]
        key = stored["item"], stored["rotation"]
        grades[key] = strict["label"], strict["status"], strict["correct"], lenient["label"]
    return grades


def test_a_log_with_rotated_options_is_not_imported(tmp_path, capsys):
    run = tmp_path / "run"
    assert main(["run", "--model", "trivial/first", "--tasks", TASK, "--rotate-options", "--out", str(run)]) == 0
    assert main(["export", "inspect", str(run), "--out", str(tmp_path / "logs")]) == 0
    assert main(["import", str(tmp_path / "logs"), "--out", str(tmp_path / "again")]) == 2
    assert f"[{ErrorCode.LOG_NOT_IMPORTABLE}]" in capsys.readouterr().err


def test_retry_sends_only_what_failed(tmp_path):
    responses = answers()
    missing = list(responses)[3]
    text = responses.pop(missing)
    with ReplayServer(responses) as server:
        inspect_eval(server, tmp_path, "--log-dir", tmp_path / "logs", "--no-fail-on-error")
        server.answers = responses | {missing: text}
        server.requests.clear()
        (first,) = list_eval_logs(str(tmp_path / "logs"))
        arguments = [Path(first.name.removeprefix("file://")), "--display", "plain", "--log-dir", tmp_path / "retried"]
        harness.command("inspect", "eval-retry", *arguments, cwd=tmp_path, **harness.replay_variables(server))
        assert [body["messages"][-1]["content"] for body in server.requests] == [missing[1]]
    log = only_log(tmp_path / "retried")
    assert log.status == "success" and len(log.samples) == 20
    assert metrics(log)["accuracy"] == 1.0


def test_a_log_that_is_scored_again_counts_a_failed_sample_as_wrong(tmp_path):
    responses = answers()
    responses.pop(list(responses)[2])
    with ReplayServer(responses) as server:
        inspect_eval(server, tmp_path, "--log-dir", tmp_path / "logs", "--no-fail-on-error", "--limit", 5)
        (file,) = (tmp_path / "logs").glob("*.eval")
        assert metrics(only_log(tmp_path / "logs"))["accuracy"] == 1.0  # inspect-ai excludes it
        options = ["--scorer", "evalsuite/evalsuite", "-S", f"task={TASK}", "-S", "format=answer_tag"]
        options += ["--action", "overwrite", "--overwrite", "--display", "plain"]
        harness.command("inspect", "score", file, *options, cwd=tmp_path, **harness.replay_variables(server))
    values = metrics(only_log(tmp_path / "logs"))
    assert (values["accuracy"], values["unanswered"]) == (0.8, 1)


def test_parameters_change_the_requests(tmp_path):
    boxed = answers(format="boxed", text=lambda item, number: write("boxed", item.gold))
    parameters = ["-T", "format=boxed", "-T", "samples=2", "-T", "thinking=on"]
    with ReplayServer(boxed) as server:
        inspect_eval(server, tmp_path, *parameters, "--limit", 2, "--log-dir", tmp_path / "logs")
        assert len(server.requests) == 2 * 2
        for body in server.requests:
            assert body["chat_template_kwargs"]["enable_thinking"] is True
            assert (body["temperature"], body["max_tokens"]) == (0.0, 4096)
    log = only_log(tmp_path / "logs")
    assert metrics(log)["accuracy"] == 1.0
    score = log.samples[0].scores["evalsuite"]
    start, end = score.metadata["strict"]["span"]
    assert log.samples[0].output.completion[start:end] in score.explanation


def test_an_answer_inside_reasoning_that_the_template_opened_does_not_count(tmp_path):
    unclosed = answers(text=lambda item, number: f"it must be <answer>{item.gold}</answer>")
    arguments = ["-T", "prompt_opens_reasoning=true", "--limit", 2, "--log-dir", tmp_path / "logs"]
    with ReplayServer(unclosed) as server:
        inspect_eval(server, tmp_path, *arguments)
    assert metrics(only_log(tmp_path / "logs"))["reasoning_unclosed"] == 2


@pytest.mark.parametrize(
    ("parameters", "value"),
    [
        (["-T", "format=nope"], "-T format=nope: "),
        (["-T", "thinking=perhaps"], "-T thinking=perhaps: "),
        (["-T", "data_dir=/nowhere"], "/nowhere: "),
        (["-T", "thinking=on", "--limit", "1"], "-T thinking: mockllm/ "),
    ],
)
def test_a_parameter_that_is_not_possible_is_refused_by_name(tmp_path, parameters, value):
    """inspect-ai prints the message, and has no place for a code."""
    arguments = [f"evalsuite/{TASK}", "--model", "mockllm/model", "--display", "plain", *parameters]
    output = harness.command("inspect", "eval", *arguments, cwd=tmp_path, fails=True, COLUMNS="400")
    assert value in " ".join(output.split())


def test_the_message_of_a_wrong_parameter_has_no_traceback(tmp_path):
    arguments = [f"evalsuite/{TASK}", "--model", "mockllm/model", "--display", "plain", "-T", "format=nope"]
    assert "Traceback" not in harness.command("inspect", "eval", *arguments, cwd=tmp_path, fails=True, COLUMNS="400")


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


def test_a_run_whose_start_no_log_can_hold_is_refused_in_one_line(tmp_path, capsys):
    run = tmp_path / "run"
    assert (
        main(["run", "--model", "trivial/first", "--tasks", "starter_recall", "--limit", "2", "--out", str(run)]) == 0
    )
    facts = json.loads((run / "run.json").read_text())
    (run / "run.json").write_text(json.dumps(with_checksum({**facts, "started": "../../outside"})))
    capsys.readouterr()
    assert main(["export", "inspect", str(run)]) == 2
    assert ErrorCode.RUN_UNREADABLE in capsys.readouterr().err
    assert not list(tmp_path.rglob("*.eval"))
