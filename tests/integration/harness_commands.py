"""The same responses through evalsuite, lm-eval, inspect-ai and verifiers, each run by its own command."""

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

ROOT = Path(__file__).parents[2]
ENVIRONMENT = ROOT / "examples" / "environments" / "evalsuite_medqa"
OFFLINE = {"HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1", "OPENAI_API_KEY": "none", "TQDM_DISABLE": "1"}


@dataclass(frozen=True)
class Verdict:
    """What a harness reports of one response by one parse."""

    label: str | None
    status: str
    correct: bool


Verdicts = dict[str, tuple[Verdict, Verdict]]
"""{item id: (strict, lenient)}."""


def command(name, *arguments, cwd, data_dir=None, fails=False, **variables):
    """Run a command of this Python's environment to its end and return its output; it must succeed unless `fails`."""
    environment = {**os.environ, **OFFLINE, **variables} | ({"EVALSUITE_DATA": str(data_dir)} if data_dir else {})
    line = [str(Path(sys.executable).with_name(name)), *map(str, arguments)]
    done = subprocess.run(line, cwd=cwd, env=environment, capture_output=True, text=True, timeout=1800)
    assert fails or done.returncode == 0, f"{' '.join(line)}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
    return done.stdout + done.stderr


def prompts(name, data_dir=None, format=None):
    """Items of a task, given by its name or its card, each with the text that every harness must send for it."""
    task = load_task(name) if isinstance(name, str) else name
    prompt = TaskPrompt(task, format or task.format)
    return [(item, prompt.messages(item)[-1]["content"]) for item in load(task, data_dir).items]


def replay_variables(server):
    """Environment variables that make the server inspect-ai's provider `openai-api/replay`."""
    return {"REPLAY_BASE_URL": server.base_url, "REPLAY_API_KEY": "none"}


def evalsuite_run(server, model, tasks, folder, *options, data_dir=None) -> dict[str, Verdicts]:
    """`evalsuite run --model openai/...`: {task: verdicts}."""
    out = folder / f"native-{model}"
    arguments = ["--model", f"openai/{model}", "--base-url", server.base_url, "--tasks", ",".join(tasks), "--out", out]
    command("evalsuite", "run", *arguments, *options, cwd=folder, data_dir=data_dir)
    verdicts = {task: {} for task in tasks}
    for row in pq.read_table(out / "grades.parquet").to_pylist():
        verdicts[row["task"]][row["item"]] = (
            Verdict(row["label"], row["status"], row["correct"]),
            Verdict(row["label_lenient"], row["status_lenient"], row["correct_lenient"]),
        )
    return verdicts


def lm_eval(server, model, tasks, folder, *options, data_dir=None) -> dict[str, Verdicts]:
    """Stock `lm_eval` on the exported folder `folder`/tasks: {task: verdicts}."""
    out = folder / f"lm-eval-{model}"
    args = f"model={model},base_url={server.base_url}/chat/completions,num_concurrent=16"
    arguments = ["--model", "local-chat-completions", "--model_args", args, "--apply_chat_template"]
    arguments += ["--include_path", folder / "tasks", "--tasks", ",".join(f"evalsuite_{task}" for task in tasks)]
    command("lm_eval", *arguments, "--log_samples", "--output_path", out, *options, cwd=folder, data_dir=data_dir)
    verdicts = {}
    for task in tasks:
        (file,) = out.rglob(f"samples_evalsuite_{task}_2*.jsonl")
        verdicts[task] = dict(_lm_eval_row(json.loads(line)) for line in file.read_text().splitlines())
    return verdicts


def _lm_eval_row(row):
    parses = json.loads(row["filtered_resps"][0][0])
    assert (row["strict"], row["lenient"]) == (parses["strict"]["correct"], parses["lenient"]["correct"])
    return row["doc"]["id"], (_verdict(parses["strict"]), _verdict(parses["lenient"]))


def inspect(server, models, tasks, folder, *options, data_dir=None) -> dict[tuple[str, str], Verdicts]:
    """Stock `inspect eval`, once for all models: {(model, task): verdicts}."""
    from inspect_ai.log import list_eval_logs, read_eval_log

    out = folder / "inspect"
    names = ",".join(f"openai-api/replay/{model}" for model in models)
    arguments = [*(f"evalsuite/{task}" for task in tasks), "--model", names, "--log-dir", out]
    variables = {**replay_variables(server), "INSPECT_DISPLAY": "none"}
    command("inspect", "eval", *arguments, *options, cwd=folder, data_dir=data_dir, **variables)
    verdicts = {}
    for info in list_eval_logs(str(out)):
        log = read_eval_log(info)
        assert log.status == "success"
        key = log.eval.model.rpartition("/")[2], log.eval.task.rpartition("/")[2]
        verdicts[key] = {sample.id: _inspect_sample(sample) for sample in log.samples}
    return verdicts


def _inspect_sample(sample):
    (score,) = sample.scores.values()
    assert (score.value == "C") == score.metadata["strict"]["correct"]
    return _verdict(score.metadata["strict"]), _verdict(score.metadata["lenient"])


def vf_eval(server, model, task, folder, *options, data_dir=None, **parameters) -> Verdicts:
    """Stock `vf-eval` on the example environment; an empty response, which it treats as an error, has no verdict."""
    out = folder / f"verifiers-{model}-{task}"
    arguments = ["evalsuite-medqa", "-a", json.dumps({"task": task, **parameters}), "-m", model]
    arguments += ["-b", server.base_url, "-k", "OPENAI_API_KEY", "-r", 1, "-s", "-o", out, "-C", "grade", "-d"]
    arguments += ["--max-retries", 0]
    path = os.pathsep.join([str(ENVIRONMENT), str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    command("vf-eval", *arguments, *options, cwd=folder, data_dir=data_dir, PYTHONPATH=path)
    (file,) = out.rglob("results.jsonl")
    rows = [json.loads(line) for line in file.read_text().splitlines()]
    assert all(row["error"] is None or row["reward"] == 0.0 for row in rows)
    return {row["info"]["item"]: _verifiers_row(row) for row in rows if row["error"] is None}


def _verifiers_row(row):
    assert row["reward"] == row["metrics"]["strict"] == float(row["grade"]["strict"]["correct"])
    assert row["metrics"]["lenient"] == float(row["grade"]["lenient"]["correct"])
    return _verdict(row["grade"]["strict"]), _verdict(row["grade"]["lenient"])


def trl_rewards(task, texts, data_dir=None, format=None) -> dict[str, float]:
    """Rewards of `texts`, {item id: response}, called like TRL, conversational and plain: {item id: reward}."""
    with warnings.catch_warnings(action="ignore"):
        data = dataset(task, split="test", format=format, data_dir=data_dir)
    data = data.select([number for number, item in enumerate(data["item"]) if item in texts])
    columns = {name: data[name] for name in data.column_names if name not in ("prompt", "completion")}
    plain = [texts[item] for item in data["item"]]
    conversational = [[{"role": "assistant", "content": text}] for text in plain]
    reward = StrictReward()
    rewards = [
        reward(
            prompts=data["prompt"],
            completions=completions,
            completion_ids=[[0]] * len(plain),
            trainer_state=None,
            **columns,
        )
        for completions in (conversational, plain)
    ]
    assert rewards[0] == rewards[1]
    return dict(zip(data["item"], rewards[0], strict=True))


def _verdict(parse):
    return Verdict(parse["label"], parse["status"], parse["correct"])


def export_lm_eval(tasks, folder, *options, data_dir=None):
    """`evalsuite export lm-eval` to `folder`/tasks."""
    arguments = ["export", "lm-eval", folder / "tasks", "--tasks", ",".join(tasks)]
    command("evalsuite", *arguments, *options, cwd=folder, data_dir=data_dir)


def answer_text(task, item, right):
    """A perfect response in the task's own format, with the gold label or with another."""
    label = item.gold if right else next(label for label in item.labels if label != item.gold)
    return write(load_task(task).format, label)
