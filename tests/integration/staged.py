"""Small stages for the tests: a tiny random model, data sets of some dozen rows, recipes of some steps."""

import hashlib
import json
import multiprocessing
import os
import shutil
import signal

import tiny

from training import step_log
from training.data.manifest import freeze
from training.recipe import Recipe
from training.run_folder import StageFolder

SECONDS = 120
"""Time limit of a process."""
TARGETS = ["q_proj", "v_proj", "down_proj"]
LORA = {"r": 4, "alpha": 8, "dropout": 0.1, "targets": TARGETS}
_JUDGED = {"evaluation": {"tasks": ["medqa"]}, "gate": {"gains": {"macro": 0.0}}}


def make_data(folder):
    """A base model, a corpus, texts with prompts, and traces, in one folder."""
    tiny.make_model(folder / "base")
    put(folder / "corpus", train=[{"text": f"The patient {n} has crushing chest pain. {n}"} for n in range(60)])
    put(folder / "pairs", train=[{"prompt": f"The pulse is {n}", "completion": f" and {n}."} for n in range(20)])
    put(folder / "traces", train=[trace(n) for n in range(48)])
    return folder


def put(folder, **splits):
    """Write a data folder, or replace one: the rows of each split, and the manifest."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "manifest.json").unlink(missing_ok=True)
    for name, rows in splits.items():
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    freeze(folder, "a test's", "CC0-1.0")


def trace(number, answer=None, item=None):
    """A trace that ends in its gold label, or in another `answer`."""
    gold = "AB"[number % 2]
    text = f"It is {answer or gold}.\n<answer>{answer or gold}</answer>"
    return {
        "prompt": [{"role": "user", "content": f"Item {number}: A or B?"}],
        "completion": [{"role": "assistant", "content": text}],
        "gold": gold,
        "labels": ["A", "B"],
        "format": "answer_tag",
        "item": item or f"item-{number}",
    }


def pretrain(folder="corpus", **more):
    """A pretraining stage of 10 steps."""
    return _stage("pretrain", folder, **({"steps": 10, "batch": {"sequences": 4, "length": 32}} | more))


def sft(folder="traces", **more):
    """A fine-tuning stage of 20 steps that may stop early, unless `patience` is None."""
    facts = {"epochs": 2, "patience": 9, "batch": {"sequences": 4, "length": 128}}
    if more.get("patience", 9) is not None:
        facts["hold_out"] = 8
    return _stage("sft", folder, **(facts | more))


def distill(folder="questions", **more):
    """A stage of on-policy distillation."""
    return _stage("distill", folder, **more)


def recipe(*stages, lora=None, **more):
    """A recipe of stages for the tiny model, on one thread."""
    base = {"model": "./base", "dtype": "float32"}
    facts = {"name": "test", "about": "-", "source": "-", "seed": 3, "threads": 1, "base": base, "lora": lora}
    return Recipe.model_validate(facts | {"stages": list(stages)} | more)


def _stage(kind, folder, rate=1e-3, **more):
    optimiser = {"learning_rate": rate, "schedule": "cosine", "warmup": 0.1}
    facts = {"name": kind, "kind": kind, "data": {"folder": folder}, "optimiser": optimiser, "checkpoint_every": 3}
    return facts | _JUDGED | more


def train(recipe, folder, data, start=None, stage=0):
    """Train a stage of a recipe in this process, and return its folder."""
    from training.stages import train as run

    run(recipe, recipe.stages[stage], StageFolder(folder), start or data / "base", data)
    return StageFolder(folder)


def weights_of(folder):
    """sha256 of a stage's weights."""
    (file,) = (folder / "model").glob("*.safetensors")
    return hashlib.sha256(file.read_bytes()).hexdigest()


def rows_of(folder):
    """Rows of a JSON Lines file without times and speeds."""
    clock = ("time", "per_second", "runtime")
    lines = map(json.loads, folder.read_text("utf-8").splitlines())
    return [{key: value for key, value in line.items() if not key.endswith(clock)} for line in lines]


def copy(source, target):
    """Copy a stage's folder."""
    shutil.copytree(source, target)
    return StageFolder(target)


def train_until(where, number, recipe, folder, data):
    """Train a stage in another process, which SIGKILL ends in the `number`-th call (from 1) of a function.

    `where` is `line` (a step's metrics are written), `file` (a file of a checkpoint) or `model` (the trained model).
    Returns the exit status.
    """
    child = multiprocessing.get_context("fork").Process(target=_until, args=(where, number, recipe, folder, data))
    child.start()
    child.join(SECONDS)
    return child.exitcode


def _until(where, number, recipe, folder, data):
    import torch

    from training.stages import fit

    owner, name = {"line": (step_log, "append"), "file": (torch, "save"), "model": (fit, "_save")}[where]
    original, remaining = getattr(owner, name), [number]

    def call(*given, **named):
        remaining[0] -= 1
        return original(*given, **named) if remaining[0] else os.kill(os.getpid(), signal.SIGKILL)

    setattr(owner, name, call)
    train(recipe, folder, data)
