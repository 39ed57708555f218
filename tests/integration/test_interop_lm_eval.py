"""Stock lm-eval runs the exported tasks: its own flags do what its users expect, and data that changed stops it."""

import inspect
import json
from pathlib import Path

import bridged
import pytest
import tiny
import yaml
from replay_server import ReplayServer

from evalsuite.data.load import load, load_train
from evalsuite.errors import DataError
from evalsuite.interop.lm_eval.export_tasks import export_lm_eval
from evalsuite.tasks.answer_format import write
from evalsuite.tasks.continuation import continuations
from evalsuite.tasks.registry import load_task

pytestmark = pytest.mark.integration

DATA = Path(__file__).parents[3] / "shared" / "data"
TASK = "starter_vignette"


def samples(place, task):
    """Rows of a task's sample log."""
    (file,) = place.rglob(f"samples_{task}_2*.jsonl")
    return [json.loads(line) for line in file.read_text().splitlines()]


def results(place):
    (file,) = place.rglob("results_*.json")
    return json.loads(file.read_text())["results"]


def kwargs_of(folder, task):
    """What a task file hands to our loader."""
    text = (folder / f"{task}.yaml").read_text().replace("!function", "")
    return yaml.safe_load(text)["dataset_kwargs"]


def test_shots_and_system_prompt_stand_where_users_of_lm_eval_expect_them(tmp_path):
    asked = bridged.prompts(TASK)
    answers = {("m", prompt): write("answer_tag", item.gold) for item, prompt in asked}
    gold = {prompt: write("answer_tag", item.gold) for item, prompt in asked}
    bridged.export([TASK], tmp_path)
    flags = ["--num_fewshot", 2, "--fewshot_as_multiturn", "true", "--system_instruction", "Be brief.", "--limit", 5]
    with ReplayServer(answers) as server:
        found = bridged.lm_eval(server, "m", [TASK], tmp_path, *flags)[TASK]
        bodies = list(server.requests)
    assert len(found) == len(bodies) == 5
    assert all(strict.correct for strict, _ in found.values())
    for body in bodies:
        system, *shots, question = body["messages"]
        assert system == {"role": "system", "content": "Be brief."}
        assert question["content"] in gold
        assert [turn["role"] for turn in shots] == ["user", "assistant"] * 2
        for shown, answered in zip(shots[::2], shots[1::2], strict=True):
            assert answered["content"] == gold[shown["content"]]
            assert shown["content"] != question["content"]


def test_a_group_is_the_plain_mean_of_its_tasks(tmp_path):
    answers = {}
    tasks = ("starter_vignette", "starter_recall", "starter_evidence", "starter_differential")
    for place, task in enumerate(tasks):
        for number, (item, prompt) in enumerate(bridged.prompts(task)):
            right = number % (place + 2) != 0
            answers["m", prompt] = bridged.right_or_wrong(task, item, right)
    bridged.command("evalsuite", "export", "lm-eval", tmp_path / "tasks", "--suite", "starter", cwd=tmp_path)
    with ReplayServer(answers) as server:
        args = f"model=m,base_url={server.base_url}/chat/completions,num_concurrent=8"
        asked = ["--model", "local-chat-completions", "--model_args", args, "--apply_chat_template"]
        asked += [
            "--include_path",
            tmp_path / "tasks",
            "--tasks",
            "evalsuite_starter",
            "--output_path",
            tmp_path / "out",
        ]
        bridged.command("lm_eval", *asked, cwd=tmp_path)
    found = results(tmp_path / "out")
    each = [found[f"evalsuite_{task}"]["strict,evalsuite"] for task in tasks]
    assert len(set(each)) > 1
    assert found["evalsuite_starter"]["strict,evalsuite"] == pytest.approx(sum(each) / len(each))


def test_a_local_model_by_generation_and_by_log_likelihood(tmp_path, tmp_path_factory):
    from transformers import AutoTokenizer

    model = tiny.make_model(tmp_path_factory.mktemp("tiny") / "opening")
    tokenizer = AutoTokenizer.from_pretrained(model)
    tokenizer.chat_template = tiny.OPENING_TEMPLATE
    tokenizer.save_pretrained(model)
    bridged.export([TASK], tmp_path)
    names = [f"evalsuite_{TASK}{suffix}" for suffix in ("", "_ll", "_cloze")]
    asked = ["--model", "hf", "--model_args", f"pretrained={model},dtype=float32", "--include_path", tmp_path / "tasks"]
    asked += ["--tasks", ",".join(names), "--limit", 3, "--apply_chat_template", "--gen_kwargs", "max_gen_toks=8"]
    bridged.command("lm_eval", *asked, "--log_samples", "--output_path", tmp_path / "out", cwd=tmp_path)
    found = results(tmp_path / "out")
    generated, letters, cloze = ({key.partition(",")[0] for key in found[name]} for name in names)
    assert {"strict", "lenient"} <= generated and "acc" not in generated
    assert "acc" in letters and {"acc", "acc_norm"} <= cloze
    assert not {"strict", "lenient"} & (letters | cloze)
    # The template opened the thought and eight tokens can't close it: lm-eval's prompt says so to our parser.
    for row in samples(tmp_path / "out", names[0]):
        assert json.loads(row["filtered_resps"][0][0])["strict"]["status"] == "reasoning_unclosed"
    items = {item.id: item for item, _ in bridged.prompts(TASK)}
    for name, form in ((names[1], "letters"), (names[2], "cloze")):
        for row in samples(tmp_path / "out", name):
            shown = continuations(items[row["doc"]["id"]], form)
            calls = list(row["arguments"].values())
            assert [call["arg_1"].strip() for call in calls] == list(shown.choices)
            assert all(shown.context in call["arg_0"] for call in calls)
            assert shown.choices[row["doc"]["place"]] == _gold_of(items[row["doc"]["id"]], form)


def _gold_of(item, form):
    return item.gold if form == "letters" else item.options[item.labels.index(item.gold)]


def test_data_or_a_prompt_that_changed_since_the_export_stops_the_run(tmp_path):
    from evalsuite.interop.lm_eval import task_functions

    export_lm_eval(tmp_path, [TASK])
    asked = kwargs_of(tmp_path, f"evalsuite_{TASK}")
    assert len(task_functions.generation_docs(**asked, version=1, model="m")["test"]) == 20
    with pytest.raises(DataError, match="exported for"):
        task_functions.generation_docs(**asked | {"evalsuite_data": "0" * 64})
    with pytest.raises(DataError, match="prompt has changed"):
        task_functions.generation_docs(**asked | {"evalsuite_prompt": "0" * 64})
    with pytest.raises(DataError, match="exported for"):
        task_functions.loglikelihood_docs(**kwargs_of(tmp_path, f"evalsuite_{TASK}_ll") | {"evalsuite_data": "0" * 64})
    with pytest.raises(DataError, match="prompt has changed"):
        task_functions.loglikelihood_docs(**kwargs_of(tmp_path, f"evalsuite_{TASK}_ll") | {"evalsuite_form": "cloze"})


@pytest.mark.skipif(not DATA.is_dir(), reason="needs ../shared/data")
def test_shots_come_from_train_items_where_there_are_some(tmp_path):
    from evalsuite.interop.lm_eval import task_functions

    export_lm_eval(tmp_path, ["medqa"], data_dir=DATA)
    known = len(load_train(load(load_task("medqa"), DATA)))
    for form in ("", "_ll", "_cloze"):
        asked = kwargs_of(tmp_path, f"evalsuite_medqa{form}")
        splits = (task_functions.loglikelihood_docs if form else task_functions.generation_docs)(**asked)
        assert (len(splits["test"]), len(splits["train"])) == (1273, known)
        assert not {*splits["test"]["id"]} & {*splits["train"]["id"]}


def test_every_function_that_a_task_file_names_is_there(tmp_path):
    from evalsuite.interop.lm_eval import task_functions

    files, _ = export_lm_eval(tmp_path, [TASK])
    named = {
        line.split("!function")[1].strip(" '").rpartition(".")
        for file in files
        for line in file.read_text().splitlines()
        if "!function" in line
    }
    assert len(named) == 5
    for module, _, name in named:
        assert module == task_functions.__name__
        assert inspect.getmodule(getattr(task_functions, name)) is task_functions
