"""Logs of the stock harnesses become run folders; a run that is exported to inspect-ai and imported stays the same."""

import json
import os
import random
import shutil
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from evalsuite.analysis.run_result import read_result
from evalsuite.cli import main
from evalsuite.data.load import load
from evalsuite.errors import ErrorCode, EvalsuiteError
from evalsuite.interop.import_logs import import_logs
from evalsuite.interop.inspect_ai.export_log import export_inspect
from evalsuite.models.backend import Request, Response
from evalsuite.parser import parse
from evalsuite.run.summary import summarise
from evalsuite.run_folder import RunFolder
from evalsuite.tasks.prompt import TaskPrompt
from evalsuite.tasks.registry import load_suites, load_task

pytestmark = pytest.mark.integration
inspect_ai = pytest.importorskip("inspect_ai")

ROOT = Path(__file__).parents[2]
DATA = ROOT.parent / "shared" / "data"
STARTER = load_suites()["starter"].tasks
VIGNETTE = load(load_task("starter_vignette")).items
needs_data = pytest.mark.skipif(not DATA.is_dir(), reason="needs ../shared/data")
KEY = [("task", "ascending"), ("item", "ascending"), ("sample", "ascending")]


def grades(run, *leave_out):
    table = pq.read_table(run / "grades.parquet").sort_by(KEY)
    return table.drop_columns(list(leave_out)).to_pylist()


# Logs that inspect-ai wrote


def answers(items, epochs):
    """{(item id, epoch): response}, in several forms of the answer that inspect-ai's own prompt requests."""
    rng = random.Random(7)
    forms = (
        "Thinking.\n\nANSWER: {}",
        "ANSWER: **{}**",
        "The answer is {}.",
        "<think>ANSWER: A</think>ANSWER: {}",
        "",
    )
    return {(one.id, k): rng.choice(forms).format(rng.choice(one.labels)) for one in items for k in range(epochs)}


def make_log(folder, items, texts, epochs=1, scorer=None, **options):
    """Write a log of inspect-ai's multiple_choice on these items, answered by its mock model."""
    from inspect_ai.dataset import MemoryDataset, Sample
    from inspect_ai.model import GenerateConfig, ModelOutput, ModelUsage, get_model
    from inspect_ai.scorer import choice
    from inspect_ai.solver import multiple_choice

    epoch = {}

    def reply(messages, tools, tool_choice, config):
        shown = messages[-1].text
        item = next(one for one in items if one.question in shown)
        epoch[item.id] = epoch.get(item.id, -1) + 1
        output = ModelOutput.from_content("mockllm/model", texts[item.id, epoch[item.id]])
        output.usage = ModelUsage(input_tokens=11, output_tokens=7, total_tokens=18)
        return output

    samples = [
        Sample(id=n, input=one.question, choices=list(one.options), target=one.gold) for n, one in enumerate(items)
    ]
    task = inspect_ai.Task(
        dataset=MemoryDataset(samples), solver=multiple_choice(), scorer=scorer or choice(), name="vignettes",
        config=GenerateConfig(temperature=0.5, max_tokens=99),
    )  # fmt: skip
    model = get_model("mockllm/model", custom_outputs=reply, memoize=False)
    (log,) = inspect_ai.eval(task, model=model, epochs=epochs, log_dir=str(folder), display="none", **options)
    return log


def test_an_inspect_log_of_a_known_task_is_graded_by_the_parser(tmp_path):
    items = list(reversed(VIGNETTE))
    texts = answers(items, 3)
    log = make_log(tmp_path / "logs", items, texts, 3)
    summary = import_logs([tmp_path / "logs"], tmp_path / "run").summary.to_json()
    task = summary["tasks"]["starter_vignette"]
    assert (summary["model"], task["samples"], task["format"]) == ("imported/mockllm/model", 3, "answer_line")
    assert (summary["decoding"]["temperature"], summary["decoding"]["max_tokens"]) == (0.5, 99)
    assert task["tokens"] == {"input": 11 * 60, "output": 7 * 60}
    harness_scores = {
        (items[sample.id].id, sample.epoch - 1): sample.scores["choice"].value == "C"
        for sample in inspect_ai.log.read_eval_log(log.location).samples
    }
    stored = pq.read_table(tmp_path / "run" / "harness_scores.parquet").to_pylist()
    assert {(row["item"], row["sample"]): row["score"] == 1 for row in stored} == harness_scores
    written = {(r.item, r.sample): r.text for r in RunFolder(tmp_path / "run").records("starter_vignette")}
    items_by_id = {one.id: one for one in items}
    for row in grades(tmp_path / "run"):
        one, text = items_by_id[row["item"]], written[row["item"], row["sample"]]
        parsed = parse(text, one.labels, one.options, "answer_line")
        assert (row["label"], row["label_lenient"]) == (parsed.strict.label, parsed.lenient.label)
    correct = {(row["item"], row["sample"]): row["correct"] for row in grades(tmp_path / "run")}
    different = sum(harness_scores[key] != correct[key] for key in harness_scores)
    assert different and any(f"{different} of 60" in note for note in task["notes"])


def test_an_inspect_log_of_other_items_keeps_its_scores(tmp_path):
    from dataclasses import replace

    items = [replace(one, question=f"{one.question} (case {n})") for n, one in enumerate(VIGNETTE[:8])]
    log = make_log(tmp_path / "logs", items, answers(items, 2), 2)
    task = import_logs([Path(log.location)], tmp_path / "run").summary.to_json()["tasks"]["inspect_vignettes"]
    assert (task["graded_by"], task["n"], task["samples"], task["chance"]) == ("inspect choice", 8, 2, 0.25)
    assert task["accuracy"]["value"] == pytest.approx(log.results.scores[0].metrics["accuracy"].value)
    assert {row["sample"] for row in grades(tmp_path / "run")} == {0, 1}


def test_of_two_scorers_one_must_be_chosen(tmp_path):
    from inspect_ai.scorer import Score, accuracy, choice, scorer

    @scorer(metrics=[accuracy()])
    def third():
        async def score(state, target):
            return Score(value=1 / 3)

        return score

    items = VIGNETTE[:2]
    make_log(tmp_path / "logs", items, answers(items, 1), scorer=[choice(), third()])
    with pytest.raises(EvalsuiteError, match=r"choice and by third.*`metrics`") as caught:
        import_logs([tmp_path / "logs"], tmp_path / "run")
    assert caught.value.code is ErrorCode.MISSING_ARGUMENT
    assert import_logs([tmp_path / "logs"], tmp_path / "run", metrics=["choice"]).summary.to_json()["tasks"][
        "starter_vignette"
    ]


def test_an_unfinished_log_is_refused(tmp_path):
    items = VIGNETTE[:6]
    texts = answers(items, 1)
    texts.pop((items[4].id, 0))
    log = make_log(tmp_path / "logs", items, texts)
    assert log.status == "error"
    with pytest.raises(EvalsuiteError, match="'error'") as caught:
        import_logs([tmp_path / "logs"], tmp_path / "run")
    assert caught.value.code is ErrorCode.LOG_INCOMPLETE


def test_a_sample_that_failed_stays_in_the_denominator(tmp_path):
    """inspect-ai excludes it from its accuracy; here it has no response and counts as wrong."""
    items = VIGNETTE[:6]
    texts = {(one.id, 0): f"ANSWER: {one.gold}" for one in items[:5]}
    log = make_log(tmp_path / "logs", items, texts, fail_on_error=False)
    assert log.results.scores[0].metrics["accuracy"].value == 1
    task = import_logs([tmp_path / "logs"], tmp_path / "run").summary.to_json()["tasks"]["starter_vignette"]
    assert (task["n"], task["status"]) == (6, {"ok": 5, "unanswered": 1})
    assert task["accuracy"]["value"] == pytest.approx(5 / 6)


@pytest.mark.parametrize("damage", [lambda c: c[: len(c) // 2], lambda c: b"not a zip", lambda c: b""])
def test_a_damaged_log_is_an_error_and_leaves_no_run(tmp_path, damage):
    log = make_log(tmp_path / "logs", VIGNETTE[:2], answers(VIGNETTE[:2], 1))
    file = Path(log.location)
    file.write_bytes(damage(file.read_bytes()))
    with pytest.raises(EvalsuiteError) as caught:
        import_logs([file], tmp_path / "run")
    assert caught.value.code is ErrorCode.LOG_UNREADABLE
    assert "\n" not in str(caught.value) and not (tmp_path / "run").exists()


def test_a_log_that_unpacks_to_more_than_a_log_may_have_is_refused(tmp_path):
    import zipfile

    file = tmp_path / "bomb.eval"
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as packed, packed.open("header.json", "w") as member:
        for _ in range(520):
            member.write(bytes(1 << 20))
    with pytest.raises(EvalsuiteError, match=f"{520 << 20:,} bytes") as caught:
        import_logs([file], tmp_path / "run")
    assert caught.value.code is ErrorCode.LOG_MALFORMED


# A run of evalsuite, exported to inspect-ai and imported again


def check_round_trip(run, tmp_path, data_dir=None):
    """Export a run, import the logs, and check that grades and summary are the same; return {task: log}."""
    export_inspect(run, tmp_path / "logs", data_dir)
    import_logs([tmp_path / "logs"], tmp_path / "back", data_dir=data_dir)
    assert grades(tmp_path / "back") == grades(run)
    before, after = (read_result(each) for each in (run, tmp_path / "back"))
    for task, summary in before.tasks.items():
        keys = ("version", "data_digest", "prompt_digest", "format", "n", "samples", "accuracy", "accuracy_lenient")
        for key in (*keys, "status", "status_lenient", "trivial_baselines", "chance", "tokens"):
            assert getattr(after.tasks[task], key) == getattr(summary, key), key
    return {log.eval.task: log for log in map(inspect_ai.log.read_eval_log, sorted((tmp_path / "logs").iterdir()))}


@pytest.mark.parametrize("model", ["trivial/longest", f"replay/{ROOT}/examples/starter_recording.jsonl"])
def test_a_run_that_is_exported_and_imported_has_the_same_grades(tmp_path, model):
    run = tmp_path / "run"
    assert main(["run", "--model", model, "--out", str(run)]) == 0
    logs = check_round_trip(run, tmp_path)
    assert set(logs) == set(STARTER)
    for name, log in logs.items():
        task = read_result(run).tasks[name]
        assert log.results.scores[0].metrics["accuracy"].value == task.accuracy.value
        right = sum(sample.scores["evalsuite"].value == "C" for sample in log.samples)
        assert right / len(log.samples) == pytest.approx(task.accuracy.value)


@needs_data
@pytest.mark.parametrize(
    ("recording", "task"),
    [
        ("mirage__gpt-35-turbo-16k__cot", "pubmedqa"),  # other labels than the items'
        ("mmlu_pro__Llama-2-13b-hf", "mmlu_pro_biology"),  # stop strings; up to ten options; duplicate items
        ("medagents__DeepSeek-R1__zero_shot", "medqa"),
    ],
)
def test_a_replayed_recording_that_is_exported_and_imported_has_the_same_grades(tmp_path, recording, task):
    run = tmp_path / "run"
    source = f"replay/{DATA}/recorded/{recording}.jsonl.gz"
    assert main(["run", "--model", source, "--tasks", task, "--data-dir", str(DATA), "--out", str(run)]) == 0
    check_round_trip(run, tmp_path, DATA)


AWKWARD = (
    "<think>B? no.</think>\n<answer>A</answer>",
    "still thinking <answer>A</answer>",
    "thought ends</think><answer>B</answer>",
    "<think>never ends",
    "",
    " ",
    "\n\n",
    "\ud800 lone \udfff <answer>C</answer>",
    "NUL \x00 and \u202e <answer>D</answer>\n",
    "ＡＮＳＷＥＲ： Ａ",
)


def test_awkward_responses_that_are_exported_and_imported_have_the_same_grades(tmp_path):
    """Open or separate reasoning, lone surrogates, refusals, the token limit, and samples without a response."""
    name, samples = "starter_vignette", 4
    run = tmp_path / "run"
    assert main(["run", "--model", "trivial/first", "--tasks", name, "--samples", str(samples), "--out", str(run)]) == 0
    folder = RunFolder(run)
    folder.journal(name).unlink()
    rng = random.Random(3)
    with folder.writing() as writer:
        for item in VIGNETTE:
            for sample in range(samples):
                if rng.random() < 0.1:
                    continue
                response = Response(
                    Request(name, item, sample, (), 0),
                    text=rng.choice(AWKWARD),
                    reasoning=rng.choice(("", "apart <answer>A</answer>")),
                    finish=rng.choice(("stop", "stop", "length", "refused")),
                    opens_reasoning=rng.random() < 0.5,
                    input_tokens=5,
                    output_tokens=rng.randrange(9),
                    latency=rng.random(),
                )
                writer.append(response, "0" * 16)
        folder.write_json("run.json", folder.facts | {"journals": dict(writer.lines)})
    from evalsuite.run.reload import reload_tasks

    statuses = summarise(folder, reload_tasks(folder)).summary.to_json()["tasks"][name]["status"]
    assert {"ok", "unanswered", "refused", "truncated", "reasoning_unclosed", "empty"} <= set(statuses)
    (log,) = check_round_trip(run, tmp_path).values()
    assert all(sample.scores["evalsuite"].value == "I" for sample in log.samples if sample.error)


def test_inspects_own_commands_read_an_export(tmp_path):
    run = tmp_path / "run"
    recording = ROOT / "examples" / "starter_recording.jsonl"
    assert main(["run", "--model", f"replay/{recording}", "--out", str(run)]) == 0
    assert main(["export", "inspect", str(run)]) == 0
    assert main(["export", "inspect", str(run)]) == 0
    files = sorted((run / "inspect").iterdir())
    assert len(files) == len(STARTER), "another export replaces the first"
    command = [sys.executable, "-m", "inspect_ai", "log"]
    env = {**os.environ, "NO_COLOR": "1"}
    dumped = subprocess.run([*command, "dump", str(files[0])], capture_output=True, text=True, env=env, check=True)
    log = json.loads(dumped.stdout)
    assert log["status"] == "success" and log["eval"]["model"] == "written-by-hand"
    listed = subprocess.run(
        [*command, "list", "--json", "--log-dir", str(run / "inspect")],
        capture_output=True,
        text=True,
        env=env,
        check=True,
    )
    assert {entry["task"].replace("-", "_") for entry in json.loads(listed.stdout)} == set(STARTER)
    valid = [row for row in grades(run) if row["status"] == "ok" and row["task"] == log["eval"]["task"]]
    samples = {sample["id"]: sample for sample in log["samples"]}
    for row in valid:
        sample = samples[row["item"]]
        text = sample["output"]["choices"][0]["message"]["content"][-1]["text"]
        score = sample["scores"]["evalsuite"]
        assert score["answer"] == row["label"]
        span = score["metadata"]["strict"]["span"]
        assert span == [row["span_start"], row["span_end"]] and repr(text[slice(*span)])[1:-1] in score["explanation"]


def test_an_export_shows_the_prompt_that_was_sent(tmp_path):
    run = tmp_path / "run"
    arguments = ["--model", "trivial/first", "--tasks", "starter_vignette", "--system", "Be brief.", "--out", str(run)]
    assert main(["run", *arguments]) == 0
    (file,) = export_inspect(run)
    task = load_task("starter_vignette")
    items_by_id = {one.id: one for one in VIGNETTE}
    for sample in inspect_ai.log.read_eval_log(file).samples:
        sent = TaskPrompt(task, task.format, "Be brief.").messages(items_by_id[sample.id])
        assert [(message.role, message.text) for message in sample.input] == [
            (message["role"], message["content"]) for message in sent
        ]


# Logs that lm-eval wrote

YAML = """
task: {name}
dataset_path: json
dataset_kwargs: {{data_files: {{test: {file}}}}}
test_split: test
doc_to_text: "{{{{question}}}}\\n{{% for o in options %}}{{{{'ABCDE'[loop.index0]}}}}. {{{{o}}}}\\n{{% endfor %}}{ask}"
doc_to_target: gold
{more}
metadata: {{version: 3.0}}
"""
GENERATE = """output_type: generate_until
generation_kwargs: {until: [], max_gen_toks: 512, temperature: 0.0}
filter_list:
  - name: tag
    filter: [{function: regex, regex_pattern: "<answer>([A-D])</answer>"}, {function: take_first}]
metric_list: [{metric: exact_match}]"""
CHOOSE = """output_type: multiple_choice
doc_to_choice: [A, B, C, D]
metric_list: [{metric: acc}, {metric: acc_norm}]"""


def lm_eval(folder, *arguments):
    command = [
        shutil.which("lm_eval", path=Path(sys.executable).parent) or "lm_eval",
        "--include_path",
        str(folder / "tasks"),
    ]
    env = {**os.environ, "HF_HUB_OFFLINE": "1", "OPENAI_API_KEY": "none", "HF_HOME": str(folder / "hf")}
    command += ["--log_samples", *map(str, arguments)]
    subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=True, timeout=1800)


@pytest.fixture(scope="module")
def lm_logs(tmp_path_factory):
    """Logs of stock lm_eval: a served model's responses, and a dummy model's log-likelihoods."""
    pytest.importorskip("lm_eval")
    folder = tmp_path_factory.mktemp("lm")
    (folder / "tasks").mkdir()
    rows = [{"question": one.question, "options": list(one.options), "gold": one.gold} for one in reversed(VIGNETTE)]
    (folder / "items.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    tasks = {"vignettes": ("End with <answer>X</answer>.", GENERATE), "letters": ("Answer:", CHOOSE)}
    for name, (instruction, more) in tasks.items():
        text = YAML.format(name=name, file=folder / "items.jsonl", ask=instruction, more=more)
        (folder / "tasks" / f"{name}.yaml").write_text(text)
    server = subprocess.Popen(
        [sys.executable, str(ROOT / "benchmarks" / "zero_server.py")], stdout=subprocess.PIPE, text=True
    )
    try:
        url = server.stdout.readline().strip()
        served = f"model=bench,base_url={url}/chat/completions,num_concurrent=4"
        lm_eval(
            folder, "--model", "local-chat-completions", "--model_args", served, "--tasks", "vignettes",
            "--apply_chat_template", "--output_path", "served",
        )  # fmt: skip
    finally:
        server.kill()
        server.wait()
    lm_eval(folder, "--model", "dummy", "--tasks", "letters", "--output_path", "dummy")
    return folder


def test_generated_responses_of_stock_lm_eval_are_graded_by_the_parser(tmp_path, lm_logs):
    """The served model always ends in <answer>B</answer>."""
    summary = import_logs([lm_logs / "served"], tmp_path / "run").summary.to_json()
    task = summary["tasks"]["starter_vignette"]
    share = sum(one.gold == "B" for one in VIGNETTE) / len(VIGNETTE)
    assert (summary["model"], task["format"], task["samples"]) == ("imported/bench", "answer_tag", 1)
    assert task["status"] == {"ok": len(VIGNETTE)} and task["accuracy"]["value"] == pytest.approx(share)
    assert any(f"0 of {len(VIGNETTE)}" in note for note in task["notes"])
    results = json.loads(next((lm_logs / "served").rglob("results_*.json")).read_text())
    assert results["results"]["vignettes"]["exact_match,tag"] == pytest.approx(share)


def test_log_likelihoods_of_stock_lm_eval_keep_their_scores(tmp_path, lm_logs):
    with pytest.raises(EvalsuiteError, match="acc,none and by acc_norm,none") as caught:
        import_logs([lm_logs / "dummy"], tmp_path / "run")
    assert caught.value.code is ErrorCode.MISSING_ARGUMENT
    summary = import_logs([lm_logs / "dummy"], tmp_path / "run", metrics=["acc,none"]).summary.to_json()
    task = summary["tasks"]["lm_eval_letters"]
    results = json.loads(next((lm_logs / "dummy").rglob("results_*.json")).read_text())["results"]["letters"]
    assert task["accuracy"]["value"] == pytest.approx(results["acc,none"])
    assert (task["graded_by"], task["chance"], task["n"]) == ("lm-eval acc,none", 0.25, len(VIGNETTE))
    rows = grades(tmp_path / "run")
    assert all(row["correct"] == (row["label"] == row["gold"]) for row in rows)
