"""The example environment, installed as a package and run by verifiers' own `vf-eval` and `eval`."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from replay_server import ReplayServer

from evalsuite.data.load import load
from evalsuite.errors import DataError
from evalsuite.grading.grade import grade
from evalsuite.models.backend import PromptSetup
from evalsuite.run_folder import ResponseRecord
from evalsuite.tasks.prompt import TaskPrompt
from evalsuite.tasks.registry import load_task

verifiers = pytest.importorskip("verifiers")

from evalsuite.interop.verifiers import load_environment  # noqa: E402
from evalsuite.interop.verifiers.environment import StrictRubric  # noqa: E402

pytestmark = pytest.mark.integration
ROOT = Path(__file__).parents[2]
DATA = ROOT.parent / "shared" / "data"
PACKAGE = ROOT / "examples" / "environments" / "evalsuite_medqa"


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A folder with the package installed in it, for the module search path."""
    folder = tmp_path_factory.mktemp("site")
    install = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--target", str(folder), str(PACKAGE)]
    subprocess.run(install, check=True, capture_output=True)
    return folder


def vf_eval(site, server, model, out, *options, **arguments):
    """Run `vf-eval evalsuite-medqa` to its end and return the rows that it saved."""
    command = [str(Path(sys.executable).with_name("vf-eval")), "evalsuite-medqa", "-a", json.dumps(arguments)]
    command += [
        "-m",
        model,
        "-b",
        server.base_url,
        "-k",
        "NO_KEY",
        "-r",
        "1",
        "-s",
        "-o",
        str(out),
        "-C",
        "grade",
        "-d",
    ]
    environment = {**os.environ, "PYTHONPATH": f"{site}{os.pathsep}{ROOT}", "NO_KEY": "none", "HF_HUB_OFFLINE": "1"}
    done = subprocess.run([*command, *options], env=environment, cwd=out, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    (file,) = out.rglob("results.jsonl")
    return [json.loads(line) for line in file.read_text().splitlines()]


def recording(task):
    """The hand-written responses to a starter task, which have every status: {item id: row}."""
    lines = (ROOT / "examples" / "starter_recording.jsonl").read_text().splitlines()
    return {row["item_id"]: row for row in map(json.loads, lines) if row["benchmark"] == task.name}


@pytest.mark.parametrize("name, opens", [("starter_vignette", False), ("starter_evidence", True)])
def test_vf_evals_reward_is_the_grade_of_evalsuite_run(site, tmp_path, name, opens):
    task = load_task(name)
    items = {item.id: item for item in load(task).items}
    recorded = {key: row for key, row in recording(task).items() if row.get("finish") != "refused"}
    prompt = TaskPrompt(task, task.format, "Be brief.")
    keys = {id: ("m", prompt.messages(item)[-1]["content"]) for id, item in items.items()}
    answers = {keys[id]: row["text"] for id, row in recorded.items()}
    finish = {keys[id]: "length" for id, row in recorded.items() if row.get("finish") == "length"}
    arguments = {"task": name, "system": "Be brief.", "prompt_opens_reasoning": opens}
    with ReplayServer(answers, finish) as server:
        rows = vf_eval(site, server, "m", tmp_path, "-n", "-1", "--max-retries", "0", **arguments)
    assert all(body["messages"][0] == {"role": "system", "content": "Be brief."} for body in server.requests)
    rows_by_item = {row["info"]["item"]: row for row in rows}
    assert rows_by_item.keys() == items.keys()
    statuses = set()
    for id, recorded_row in recorded.items():
        if not recorded_row["text"]:
            continue  # verifiers retries an empty response, and then gives up
        row, finish_reason = rows_by_item[id], recorded_row.get("finish", "stop")
        record = ResponseRecord(id, 0, recorded_row["text"], "", finish_reason, opens, None, None, None, "")
        verdict = grade(items[id], record, PromptSetup((items[id],), task.format))
        assert row["reward"] == float(verdict.strict.correct)
        assert row["metrics"]["lenient"] == float(verdict.lenient.correct)
        assert row["metrics"]["invalid"] == float(verdict.strict.status != "ok")
        assert row["metrics"]["truncated"] == float(verdict.strict.status == "truncated")
        assert row["grade"]["strict"] == json.loads(json.dumps(verdict.strict._asdict()))
        assert row["grade"]["lenient"]["label"] == verdict.lenient.label
        statuses.add(verdict.strict.status)
    assert {"ok", "truncated"} < statuses


def test_the_reward_of_the_v1_interface_is_the_same(site, tmp_path):
    """In verifiers' v1 each rollout is a process of its own, which uv starts."""
    task = load_task("starter_vignette")
    prompt, count = TaskPrompt(task, task.format), 8
    items, recorded = load(task).items[:count], recording(task)
    answers = {("m", prompt.messages(item)[-1]["content"]): recorded[item.id]["text"] for item in items}
    environment = {**os.environ, "PYTHONPATH": f"{site}{os.pathsep}{ROOT}", "NO_KEY": "none"}
    environment["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{environment['PATH']}"
    with ReplayServer(answers) as server:
        command = [str(Path(sys.executable).with_name("eval")), "evalsuite-medqa", "-n", str(count), "--no-serve"]
        command += ["--env.taskset.benchmark", task.name, "--env.agent.runtime.type", "subprocess", "--model", "m"]
        command += ["--client.base-url", server.base_url, "--client.api-key-var", "NO_KEY", "--no-rich"]
        done = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    (file,) = tmp_path.rglob("traces.jsonl")
    traces = [trace for line in file.read_text().splitlines() for trace in json.loads(line)["traces"]]
    trace_by_item = {trace["task"]["data"]["item"]: trace for trace in traces}
    assert trace_by_item.keys() == {item.id for item in items}
    rewards = set()
    for item in items:
        record = ResponseRecord(item.id, 0, recorded[item.id]["text"], "", "stop", False, None, None, None, "")
        verdict = grade(item, record, PromptSetup((item,), task.format))
        trace = trace_by_item[item.id]
        assert trace["task"]["key"] == item.id
        assert trace["rewards"]["strict"]["score"] == float(verdict.strict.correct)
        assert trace["metrics"]["lenient"] == float(verdict.lenient.correct)
        assert trace["info"]["grade"]["strict"]["status"] == verdict.strict.status
        rewards.add(verdict.strict.correct)
    assert rewards == {True, False}


def rubric(env):
    """Return evalsuite's rubric among those that verifiers adds."""
    (strict_rubric,) = (each for each in env.rubric.rubrics if isinstance(each, StrictRubric))
    return strict_rubric


def test_reasoning_that_the_server_returns_separately_is_never_graded():
    env = load_environment("starter_vignette", prompt_opens_reasoning=True)
    row, strict = env.get_eval_dataset()[0], rubric(env).strict
    message = {"role": "assistant", "content": f"<answer>{row['answer']}</answer>", "reasoning_content": "hm"}
    assert strict([message], row["info"], {}) == 1.0
    assert strict([message | {"reasoning_content": None}], row["info"], {}) == 0.0
    swapped = {"role": "assistant", "content": "hm", "reasoning_content": message["content"]}
    assert strict([swapped], row["info"], {}) == 0.0
    assert strict([], row["info"], {}) == 0.0
    assert env.parser.parse_answer([message]) == row["answer"]
    assert env.parser.parse_answer([swapped]) is env.parser.parse(message["content"]) is None
    plain = load_environment("starter_vignette")
    assert plain.parser.parse(message["content"]) == row["answer"]
    with pytest.raises(ValueError):
        plain.get_dataset()  # without train items there is nothing to train on; test items must not take their place


@pytest.mark.skipif(not DATA.is_dir(), reason="needs ../shared/data")
def test_a_benchmark_is_evaluated_on_its_test_items_and_trained_on_its_train_items(site, monkeypatch):
    monkeypatch.syspath_prepend(str(site))
    env = verifiers.load_environment("evalsuite-medqa", data_dir=str(DATA))
    test, train, strict = env.get_eval_dataset(), env.get_dataset(), rubric(env).strict
    assert [info["item"] for info in test["info"]] == [item.id for item in load(load_task("medqa"), DATA).items]
    assert len(train) == 1080
    assert not {turns[-1]["content"] for turns in test["prompt"]} & {turns[-1]["content"] for turns in train["prompt"]}
    for rows in (test, train):
        for answer, info in zip(rows["answer"], rows["info"], strict=True):
            completion = [{"role": "assistant", "content": f"<answer>{answer}</answer>"}]
            assert strict(completion, info, {}) == 1.0
    with pytest.raises((DataError, RuntimeError), match="nowhere"):
        verifiers.load_environment("evalsuite-medqa", data_dir="nowhere")
