"""The example environment, installed as a package and run by the `vf-eval` of verifiers 0.3."""

import json

import pytest
from replay_server import ReplayServer
from verifiers_package import ROOT, install, recording, run

from evalsuite.data.load import load
from evalsuite.errors import DataError
from evalsuite.grading.grade import grade
from evalsuite.models.backend import PromptSetup
from evalsuite.run_folder import ResponseRecord
from evalsuite.tasks.prompt import TaskPrompt
from evalsuite.tasks.registry import load_task

verifiers = pytest.importorskip("verifiers")
if not hasattr(verifiers, "SingleTurnEnv"):
    pytest.skip("these environments ended with verifiers 0.3", allow_module_level=True)

from evalsuite.interop.verifiers import load_environment  # noqa: E402
from evalsuite.interop.verifiers.environment import StrictRubric  # noqa: E402

pytestmark = pytest.mark.integration
DATA = ROOT.parent / "shared" / "data"


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A folder with the package installed in it, for the module search path."""
    return install(tmp_path_factory.mktemp("site"))


def vf_eval(site, server, out, **arguments):
    """Run `vf-eval evalsuite-medqa` to its end and return the rows that it saved."""
    command = ["vf-eval", "evalsuite-medqa", "-a", json.dumps(arguments), "-m", "m", "-b", server.base_url]
    command += ["-k", "NO_KEY", "-n", "-1", "-r", "1", "-s", "-o", str(out), "-C", "grade", "-d", "--max-retries", "0"]
    run(command, site, out)
    (file,) = out.rglob("results.jsonl")
    return [json.loads(line) for line in file.read_text().splitlines()]


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
        rows = vf_eval(site, server, tmp_path, **arguments)
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
    assert len(train) == 1071
    assert not {turns[-1]["content"] for turns in test["prompt"]} & {turns[-1]["content"] for turns in train["prompt"]}
    for rows in (test, train):
        for answer, info in zip(rows["answer"], rows["info"], strict=True):
            completion = [{"role": "assistant", "content": f"<answer>{answer}</answer>"}]
            assert strict(completion, info, {}) == 1.0
    with pytest.raises((DataError, RuntimeError), match="nowhere"):
        verifiers.load_environment("evalsuite-medqa", data_dir="nowhere")
