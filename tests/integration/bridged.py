"""Runs of the same responses through this harness, and through lm-eval, inspect-ai and verifiers by their commands."""

import json
import os
import subprocess
import sys
import warnings
from dataclasses import dataclass
from pathlib import Path

import pyarrow.parquet as pq

from evalsuite.data.load import load
from evalsuite.reward import StrictReward, dataset
from evalsuite.tasks.answer_format import write
from evalsuite.tasks.prompt import TaskPrompt
from evalsuite.tasks.registry import load_task

ENVIRONMENT = Path(__file__).parents[2] / "examples" / "environments" / "evalsuite_medqa"
OFFLINE = {"HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1", "OPENAI_API_KEY": "none", "TQDM_DISABLE": "1"}


@dataclass(frozen=True)
class Verdict:
    """What a harness made of one response in one reading."""

    label: str | None
    status: str
    correct: bool


Column = dict[str, tuple[Verdict, Verdict]]
"""Item id to (strict, lenient)."""


def command(name, *arguments, cwd, data_dir=None, fails=False, **environment):
    """Run a command of this Python's environment to its end; return what it said, or fail with it."""
    told = {**os.environ, **OFFLINE, **environment} | ({"EVALSUITE_DATA": str(data_dir)} if data_dir else {})
    line = [str(Path(sys.executable).with_name(name)), *map(str, arguments)]
    done = subprocess.run(line, cwd=cwd, env=told, capture_output=True, text=True, timeout=240)
    assert fails or done.returncode == 0, f"{' '.join(line)}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
    return done.stdout + done.stderr


def prompts(name, data_dir=None, format=None):
    """Items of a task with the text that every harness must send for each."""
    task = load_task(name)
    prompt = TaskPrompt(task, format or task.format)
    return [(item, prompt.messages(item)[-1]["content"]) for item in load(task, data_dir).items]


def replaying(server):
    """Environment that makes the server inspect-ai's provider `openai-api/replay`."""
    return {"REPLAY_BASE_URL": server.base_url, "REPLAY_API_KEY": "none"}


def native(server, model, tasks, place, *options, data_dir=None) -> dict[str, Column]:
    """`evalsuite run --model openai/...`: task to column."""
    out = place / f"native-{model}"
    asked = ["--model", f"openai/{model}", "--base-url", server.base_url, "--tasks", ",".join(tasks), "--out", out]
    command("evalsuite", "run", *asked, *options, cwd=place, data_dir=data_dir)
    found = {task: {} for task in tasks}
    for row in pq.read_table(out / "grades.parquet").to_pylist():
        found[row["task"]][row["item"]] = (
            Verdict(row["label"], row["status"], row["correct"]),
            Verdict(row["label_lenient"], row["status_lenient"], row["correct_lenient"]),
        )
    return found


def lm_eval(server, model, tasks, place, *options, data_dir=None) -> dict[str, Column]:
    """Stock `lm_eval` on the exported folder `place`/tasks: task to column."""
    out = place / f"lm-eval-{model}"
    args = f"model={model},base_url={server.base_url}/chat/completions,num_concurrent=16"
    asked = ["--model", "local-chat-completions", "--model_args", args, "--apply_chat_template"]
    asked += ["--include_path", place / "tasks", "--tasks", ",".join(f"evalsuite_{task}" for task in tasks)]
    command("lm_eval", *asked, "--log_samples", "--output_path", out, *options, cwd=place, data_dir=data_dir)
    found = {}
    for task in tasks:
        (file,) = out.rglob(f"samples_evalsuite_{task}_2*.jsonl")
        found[task] = dict(_lm_eval_row(json.loads(line)) for line in file.read_text().splitlines())
    return found


def _lm_eval_row(row):
    said = json.loads(row["filtered_resps"][0][0])
    assert (row["strict"], row["lenient"]) == (said["strict"]["correct"], said["lenient"]["correct"])
    return row["doc"]["id"], (_verdict(said["strict"]), _verdict(said["lenient"]))


def inspect(server, models, tasks, place, *options, data_dir=None) -> dict[tuple[str, str], Column]:
    """Stock `inspect eval`, once for all models: (model, task) to column."""
    from inspect_ai.log import list_eval_logs, read_eval_log

    out = place / "inspect"
    asked = [f"evalsuite/{task}" for task in tasks] + ["--model", ",".join(f"openai-api/replay/{m}" for m in models)]
    told = {**replaying(server), "INSPECT_DISPLAY": "none"}
    command("inspect", "eval", *asked, "--log-dir", out, *options, cwd=place, data_dir=data_dir, **told)
    found = {}
    for info in list_eval_logs(str(out)):
        log = read_eval_log(info)
        assert log.status == "success"
        column = {sample.id: _inspect_sample(sample) for sample in log.samples}
        found[log.eval.model.rpartition("/")[2], log.eval.task.rpartition("/")[2]] = column
    return found


def _inspect_sample(sample):
    (score,) = sample.scores.values()
    assert (score.value == "C") == score.metadata["strict"]["correct"]
    return _verdict(score.metadata["strict"]), _verdict(score.metadata["lenient"])


def verifiers(server, model, task, place, *options, data_dir=None, **arguments) -> Column:
    """Stock `vf-eval` on the example environment; an empty response, which it takes for an error, has no verdict."""
    out = place / f"verifiers-{model}-{task}"
    asked = ["evalsuite-medqa", "-a", json.dumps({"task": task, **arguments}), "-m", model, "-b", server.base_url]
    asked += ["-k", "OPENAI_API_KEY", "-r", 1, "-s", "-o", out, "-C", "grade", "-d", "--max-retries", 0]
    command("vf-eval", *asked, *options, cwd=place, data_dir=data_dir, PYTHONPATH=str(ENVIRONMENT))
    (file,) = out.rglob("results.jsonl")
    rows = [json.loads(line) for line in file.read_text().splitlines()]
    assert all(row["error"] is None or row["reward"] == 0.0 for row in rows)
    return {row["info"]["item"]: _verifiers_row(row) for row in rows if row["error"] is None}


def _verifiers_row(row):
    assert row["reward"] == row["metrics"]["strict"] == float(row["grade"]["strict"]["correct"])
    assert row["metrics"]["lenient"] == float(row["grade"]["lenient"]["correct"])
    return _verdict(row["grade"]["strict"]), _verdict(row["grade"]["lenient"])


def trl(task, texts, data_dir=None, format=None) -> dict[str, float]:
    """What the reward pays for `texts`, called as TRL calls it, conversational and plain: item id to reward."""
    with warnings.catch_warnings(action="ignore"):
        data = dataset(task, split="test", format=format, data_dir=data_dir)
    data = data.select([number for number, item in enumerate(data["item"]) if item in texts])
    columns = {name: data[name] for name in data.column_names if name not in ("prompt", "completion")}
    plain = [texts[item] for item in data["item"]]
    turns = [[{"role": "assistant", "content": text}] for text in plain]
    reward = StrictReward()
    paid = [
        reward(
            prompts=data["prompt"], completions=said, completion_ids=[[0]] * len(plain), trainer_state=None, **columns
        )
        for said in (turns, plain)
    ]
    assert paid[0] == paid[1]
    return dict(zip(data["item"], paid[0], strict=True))


def _verdict(said):
    return Verdict(said["label"], said["status"], said["correct"])


def export(tasks, place, *options, data_dir=None):
    """`evalsuite export lm-eval` to `place`/tasks."""
    command(
        "evalsuite", "export", "lm-eval", place / "tasks", "--tasks", ",".join(tasks), *options,
        cwd=place, data_dir=data_dir,
    )  # fmt: skip


def right_or_wrong(task, item, right):
    """A perfect response in the task's own format, with the gold label or with another."""
    label = item.gold if right else next(label for label in item.labels if label != item.gold)
    return write(load_task(task).format, label)
