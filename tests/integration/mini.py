"""Training runs of seconds: a small benchmark, training data for it, and a random base model."""

import json
import os
import random
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import yaml
from tiny import make_model

from evalsuite.reward.train_dataset import train_rows
from evalsuite.tasks.item import Item
from evalsuite.tasks.registry import load_task
from evalsuite.tasks.schema import Task
from training.data.manifest import freeze

ROOT = Path(__file__).parents[2]
TASK = "letters"
GOLD_B_SHARE = 0.6
"""Share of items whose gold label is B: a model of half a million parameters learns this in a few steps."""
WORDS = (
    "aspirin",
    "heparin",
    "biopsy",
    "pressure",
    "chest",
    "pain",
    "pulse",
    "patient",
    "blood",
    "step",
    "man",
    "hours",
)
TEST, TRAIN = 80, 160


def items(seed: int, count: int, gold_b_share: float = GOLD_B_SHARE) -> tuple[Item, ...]:
    """Return items with four options of one word each."""
    draw = random.Random(seed)
    generated = []
    for number in range(count):
        words = " ".join(draw.choice(WORDS) for _ in range(4))
        gold = "B" if draw.random() < gold_b_share else draw.choice("ACD")
        options = tuple(draw.sample(WORDS, 4))
        generated.append(Item(f"q{seed}-{number}", f"Which of {words}?", options, ("A", "B", "C", "D"), gold))
    return tuple(generated)


def make_task(folder: Path) -> Path:
    """Write the benchmark's folder, and return the folder that EVALSUITE_TASKS names."""
    task_folder = folder / TASK
    task_folder.mkdir(parents=True)
    lines = [
        {"id": each.id, "question": each.question, "options": dict(zip(each.labels, each.options, strict=True)),
         "answer": each.gold}
        for each in items(1, TEST)
    ]  # fmt: skip
    (task_folder / "items.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    card = {"name": TASK, "version": 1, "language": "en", "licence": "none", "items": TEST, "chance": 0.25}
    card |= {"option_counts": {4: TEST}, "sources": [{"path": "items.jsonl", "items": TEST}]}
    (task_folder / "task.yaml").write_text(yaml.safe_dump(card))
    return folder


def make_data(folder: Path, tasks: Path, gold_b_share: float = GOLD_B_SHARE, gold: str | None = None) -> Path:
    """Write a base model and the data folders `text`, `traces` and `questions`.

    `gold` replaces the gold label of every training item.
    """
    make_model(folder / "base")
    task = load_task(TASK, tasks / TASK)
    texts = [{"text": " ".join(random.Random(seed).choices(WORDS, k=60))} for seed in range(40)]
    write_rows(folder / "text", texts)
    prompts = list(_prompts(task, items(2, TRAIN, gold_b_share), gold))
    write_rows(folder / "traces", ({**row, "completion": trace(row["gold"])} for row in prompts))
    write_rows(folder / "questions", ({**row, "tier": "easy"} for row in prompts))
    return folder


def leak(folder: Path, tasks: Path) -> None:
    """Replace the traces of a data folder by traces of the benchmark's test items."""
    (folder / "traces" / "manifest.json").unlink()
    prompts = _prompts(load_task(TASK, tasks / TASK), items(1, TEST), None)
    write_rows(folder / "traces", ({**row, "completion": trace(row["gold"])} for row in prompts))


def trace(gold: str) -> list[dict[str, str]]:
    """Return the completion that a model is trained on."""
    return [{"role": "assistant", "content": f"So {gold}.\n<answer>{gold}</answer>"}]


def write_rows(folder: Path, rows: Iterable[dict[str, Any]]) -> None:
    """Write train.jsonl with its manifest."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    freeze(folder, "For a test.", "CC0-1.0")


def stage(kind: str, name: str, folder: str, rate: float, **more: Any) -> dict[str, Any]:
    """Return a stage of a recipe."""
    return {
        "name": name,
        "kind": kind,
        "data": {"folder": folder},
        "optimiser": {"learning_rate": rate, "schedule": "constant", **more.pop("optimiser", {})},
        "evaluation": {"tasks": [TASK], "max_tokens": 24},
        "gate": {},
        "checkpoint_every": 4,
        **more,
    }


def text_stage(**more: Any) -> dict[str, Any]:
    """Return a stage of eight steps on text; its model generates no answers yet, so option texts are scored."""
    fields = {"batch": {"sequences": 4, "length": 64}, "steps": 8}
    fields["evaluation"] = {"tasks": [TASK], "scoring": "cloze", "chat_template": "none"}
    return stage("pretrain", "text", "text", 1e-3, **{**fields, **more})


def trace_stage(rate: float = 3e-3, **more: Any) -> dict[str, Any]:
    """Return a stage of twenty steps on traces, whose gate requires a higher accuracy than before."""
    batch = {"sequences": 16, "length": 256}
    gate = {"gains": {TASK: 0.2}}
    return stage("sft", "traces", "traces", rate, **{"batch": batch, "epochs": 2, "gate": gate, **more})


def write_recipe(file: Path, stages: list[dict[str, Any]], **more: Any) -> Path:
    """Write a recipe that starts from the data's base model."""
    base = {"model": "./base", "dtype": "float32"}
    fields = {"name": "mini", "about": "For a test.", "source": "none", "base": base, "lora": None, "threads": 1}
    file.write_text(yaml.safe_dump({**fields, "stages": stages, **more}))
    return file


def environment(tasks: Path) -> dict[str, str]:
    """Return the environment variables of commands."""
    return {**os.environ, "EVALSUITE_TASKS": str(tasks), "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}


def training(*arguments: str | Path, tasks: Path, timeout: float = 900) -> subprocess.CompletedProcess[str]:
    """Run `evalsuite train`."""
    command = [sys.executable, "-m", "evalsuite", "train", *map(str, arguments)]
    return subprocess.run(
        command, cwd=ROOT, env=environment(tasks), capture_output=True, text=True, timeout=timeout, check=False
    )


def _prompts(task: Task, train_items: tuple[Item, ...], gold: str | None) -> Iterator[dict[str, Any]]:
    for row in train_rows(task, train_items, None, None):
        yield row if gold is None else {**row, "gold": gold}
