"""The example environment's taskset, installed as a package and run by the command of verifiers' v1 interface."""

import json

import pytest
from replay_server import ReplayServer
from verifiers_package import install, recording, run

from evalsuite.data.load import load
from evalsuite.errors import BackendError, ErrorCode
from evalsuite.grading.grade import grade
from evalsuite.models.backend import PromptSetup
from evalsuite.run_folder import ResponseRecord
from evalsuite.tasks.prompt import TaskPrompt
from evalsuite.tasks.registry import load_task

verifiers = pytest.importorskip("verifiers")
pytestmark = pytest.mark.integration
ONLY_V1 = not hasattr(verifiers, "SingleTurnEnv")
# 0.4 renamed the command, no longer starts a server of its own, and uploads each run unless it is told not to.
COMMAND, LOCAL = ("vf-eval", "--no-push") if ONLY_V1 else ("eval", "--no-serve")


def test_the_reward_is_the_grade_of_evalsuite_run(tmp_path):
    """Each rollout is a process of its own, which uv starts."""
    task = load_task("starter_vignette")
    prompt, count = TaskPrompt(task, task.format), 8
    items, recorded = load(task).items[:count], recording(task)
    answers = {("m", prompt.messages(item)[-1]["content"]): recorded[item.id]["text"] for item in items}
    with ReplayServer(answers) as server:
        command = [COMMAND, "evalsuite-medqa", LOCAL, "-n", str(count), "--env.taskset.benchmark", task.name]
        command += ["--env.agent.runtime.type", "subprocess", "--model", "m"]
        command += ["--client.base-url", server.base_url, "--client.api-key-var", "NO_KEY", "--no-rich"]
        run(command, install(tmp_path / "site"), tmp_path)
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


@pytest.mark.skipif(not ONLY_V1, reason="verifiers 0.3 has both interfaces")
def test_an_environment_that_verifiers_no_longer_has_is_named_in_one_line():
    with pytest.raises(BackendError) as caught:
        from evalsuite.interop.verifiers import load_environment  # noqa: F401
    assert caught.value.code is ErrorCode.MISSING_PACKAGE
    assert "ItemsTaskset" in str(caught.value) and "\n" not in str(caught.value)
