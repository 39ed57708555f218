"""Stock lm-eval runs the exported tasks: its own flags work as its users expect, and changed data stops it."""

import inspect
import json
from pathlib import Path

import harness_commands as harness
import pytest
import tiny
import yaml
from replay_server import ReplayServer

from evalsuite.data.load import load, load_train
from evalsuite.errors import DataError, ErrorCode
from evalsuite.interop.lm_eval.export_tasks import export_lm_eval
from evalsuite.tasks.answer_format import write
from evalsuite.tasks.continuation import continuations
from evalsuite.tasks.registry import load_task

pytestmark = pytest.mark.integration

DATA = Path(__file__).parents[3] / "shared" / "data"
TASK = "starter_vignette"


def samples(folder, task):
    """Return the rows of a task's sample log."""
    (file,) = folder.rglob(f"samples_{task}_2*.jsonl")
    return [json.loads(line) for line in file.read_text().splitlines()]


def results(folder):
    (file,) = folder.rglob("results_*.json")
    return json.loads(file.read_text())["results"]


def kwargs_of(folder, task):
    """Return the arguments that a task file passes to evalsuite's loader."""
    text = (folder / f"{task}.yaml").read_text().replace("!function", "")
    return yaml.safe_load(text)["dataset_kwargs"]


def test_few_shot_examples_and_system_prompt_are_where_users_of_lm_eval_expect_them(tmp_path):
    items = harness.prompts(TASK)
    answers = {("m", prompt): write("answer_tag", item.gold) for item, prompt in items}
    gold = {prompt: write("answer_tag", item.gold) for item, prompt in items}
    harness.export_lm_eval([TASK], tmp_path)
    flags = ["--num_fewshot", 2, "--fewshot_as_multiturn", "true", "--system_instruction", "Be brief.", "--limit", 5]
    with ReplayServer(answers) as server:
        verdicts = harness.lm_eval(server, "m", [TASK], tmp_path, *flags)[TASK]
        bodies = list(server.requests)
    assert len(verdicts) == len(bodies) == 5
    assert all(strict.correct for strict, _ in verdicts.values())
    for body in bodies:
        system, *examples, question = body["messages"]
        assert system == {"role": "system", "content": "Be brief."}
        assert question["content"] in gold
        assert [message["role"] for message in examples] == ["user", "assistant"] * 2
        for example, answer in zip(examples[::2], examples[1::2], strict=True):
            assert answer["content"] == gold[example["content"]]
            assert example["content"] != question["content"]


def test_a_group_is_the_unweighted_mean_of_its_tasks(tmp_path):
    answers = {}
    tasks = ("starter_vignette", "starter_recall", "starter_evidence", "starter_differential")
    for task_number, task in enumerate(tasks):
        for number, (item, prompt) in enumerate(harness.prompts(task)):
            right = number % (task_number + 2) != 0
            answers["m", prompt] = harness.answer_text(task, item, right)
    harness.command("evalsuite", "export", "lm-eval", tmp_path / "tasks", "--suite", "starter", cwd=tmp_path)
    with ReplayServer(answers) as server:
        args = f"model=m,base_url={server.base_url}/chat/completions,num_concurrent=8"
        arguments = ["--model", "local-chat-completions", "--model_args", args, "--apply_chat_template"]
        arguments += ["--include_path", tmp_path / "tasks", "--tasks", "evalsuite_starter"]
        harness.command("lm_eval", *arguments, "--output_path", tmp_path / "out", cwd=tmp_path)
    scores = results(tmp_path / "out")
    each = [scores[f"evalsuite_{task}"]["strict,evalsuite"] for task in tasks]
    assert len(set(each)) > 1
    assert scores["evalsuite_starter"]["strict,evalsuite"] == pytest.approx(sum(each) / len(each))


def test_a_local_model_by_generation_and_by_log_likelihood(tmp_path, tmp_path_factory):
    from transformers import AutoTokenizer

    model = tiny.make_model(tmp_path_factory.mktemp("tiny") / "opening")
    tokenizer = AutoTokenizer.from_pretrained(model)
    tokenizer.chat_template = tiny.OPENING_TEMPLATE
    tokenizer.save_pretrained(model)
    harness.export_lm_eval([TASK], tmp_path)
    names = [f"evalsuite_{TASK}{suffix}" for suffix in ("", "_ll", "_cloze")]
    arguments = [
        "--model",
        "hf",
        "--model_args",
        f"pretrained={model},dtype=float32",
        "--include_path",
        tmp_path / "tasks",
    ]
    arguments += ["--tasks", ",".join(names), "--limit", 3, "--apply_chat_template", "--gen_kwargs", "max_gen_toks=8"]
    harness.command("lm_eval", *arguments, "--log_samples", "--output_path", tmp_path / "out", cwd=tmp_path)
    scores = results(tmp_path / "out")
    generated, letters, cloze = ({key.partition(",")[0] for key in scores[name]} for name in names)
    assert {"strict", "lenient"} <= generated and "acc" not in generated
    assert "acc" in letters and {"acc", "acc_norm"} <= cloze
    assert not {"strict", "lenient"} & (letters | cloze)
    # The template opens the reasoning, and eight tokens can't close it: lm-eval's rendered prompt shows that.
    for row in samples(tmp_path / "out", names[0]):
        assert json.loads(row["filtered_resps"][0][0])["strict"]["status"] == "reasoning_unclosed"
    items = {item.id: item for item, _ in harness.prompts(TASK)}
    for name, form in ((names[1], "letters"), (names[2], "cloze")):
        for row in samples(tmp_path / "out", name):
            shown = continuations(items[row["doc"]["id"]], form)
            requests = list(row["arguments"].values())
            assert [request["arg_1"].strip() for request in requests] == list(shown.choices)
            assert all(shown.context in request["arg_0"] for request in requests)
            assert shown.choices[row["doc"]["place"]] == _gold_choice(items[row["doc"]["id"]], form)


def _gold_choice(item, form):
    return item.gold if form == "letters" else item.options[item.labels.index(item.gold)]


def test_data_or_a_prompt_that_changed_since_the_export_stops_the_run(tmp_path):
    from evalsuite.interop.lm_eval import task_functions

    export_lm_eval(tmp_path, [TASK])
    generation, loglikelihood = (kwargs_of(tmp_path, f"evalsuite_{TASK}{suffix}") for suffix in ("", "_ll"))
    assert len(task_functions.generation_docs(**generation, version=1, model="m")["test"]) == 20
    for docs, arguments, changed in (
        (task_functions.generation_docs, generation, {"evalsuite_data": "0" * 64}),
        (task_functions.generation_docs, generation, {"evalsuite_prompt": "0" * 64}),
        (task_functions.loglikelihood_docs, loglikelihood, {"evalsuite_data": "0" * 64}),
        (task_functions.loglikelihood_docs, loglikelihood, {"evalsuite_form": "cloze"}),
    ):
        with pytest.raises(DataError, match=TASK) as caught:
            docs(**arguments | changed)
        assert caught.value.code is ErrorCode.DATA_CHANGED


@pytest.mark.skipif(not DATA.is_dir(), reason="needs ../shared/data")
def test_few_shot_examples_come_from_train_items_if_the_task_has_some(tmp_path):
    from evalsuite.interop.lm_eval import task_functions

    export_lm_eval(tmp_path, ["medqa"], data_dir=DATA)
    train = len(load_train(load(load_task("medqa"), DATA)))
    for form in ("", "_ll", "_cloze"):
        docs = task_functions.loglikelihood_docs if form else task_functions.generation_docs
        splits = docs(**kwargs_of(tmp_path, f"evalsuite_medqa{form}"))
        assert (len(splits["test"]), len(splits["train"])) == (1273, train)
        assert not {*splits["test"]["id"]} & {*splits["train"]["id"]}


def test_every_function_that_a_task_file_names_exists(tmp_path):
    from evalsuite.interop.lm_eval import task_functions

    files, _ = export_lm_eval(tmp_path, [TASK])
    functions = {
        line.split("!function")[1].strip(" '").rpartition(".")
        for file in files
        for line in file.read_text().splitlines()
        if "!function" in line
    }
    assert len(functions) == 5
    for module, _, name in functions:
        assert module == task_functions.__name__
        assert inspect.getmodule(getattr(task_functions, name)) is task_functions
