"""Everything that the `tiny` recipe learns from, in a folder: texts, traces, questions, and the model to start from."""

from __future__ import annotations

import json
import random
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final

from evalsuite.reward.train_dataset import train_rows
from evalsuite.tasks.prompt import TaskPrompt
from evalsuite.tasks.registry import load_task
from training.data.manifest import freeze
from training.tinyworld.benchmark import SEED, TASK, all_items, write_tasks
from training.tinyworld.corpus import base_documents, world_documents
from training.tinyworld.decontaminate import Decontaminator
from training.tinyworld.graph import TinyWorld, make_world
from training.tinyworld.items import make_item
from training.tinyworld.paths import FactPath as Walk
from training.tinyworld.paths import Split, Splits, Tier, split_paths
from training.tinyworld.traces import drawn

LICENCE: Final = "Apache-2.0 (made by training.tinyworld; the project's LICENSE)"
PRACTICES: Final = "Reading practice on made-up facts, drawn anew for each text: it tells nothing of the world."
TELLS: Final = "Every fact of a synthetic clinical world of invented names; nothing in it is true of medicine."
SHOWS: Final = "Items of train paths with responses: some reason to the end, the others break off and guess."
ASKS: Final = "Items of other train paths, to be answered for a reward."
START: Final = "start"
"""Folder of the model that a run begins with, beside the data sets."""
PRACTICE: Final = 9600
"""Texts of the base stage."""
ROUNDS: Final = 5
"""How often the corpus tells every fact; a stage goes through it several times."""
SHOWN: Final[Mapping[Tier, float]] = {"easy": 0.7, "moderate": 0.7, "difficult": 0.5}
"""Share of the train paths that traces are of; the others are asked in training by reward."""
DRAWS: Final = 2
"""How often each of them is shown or asked, with other options each time."""


def build(folder: Path, seed: int) -> None:
    """Make a world's data sets and the model to start from below a folder."""
    world = make_world(seed)
    make_data(folder, world)
    _start(folder / START, world)


def make_data(folder: Path, world: TinyWorld) -> None:
    """Make the data sets `base`, `corpus`, `traces` and `questions`, each with its manifest; no torch is needed.

    Any world but the one whose benchmarks come with the package brings its own, in `tasks`.
    """
    splits = split_paths(world)
    draw = random.Random(f"{world.seed}/texts")
    barred = frozenset(path.question() for split in ("dev", "test") for path in splits.paths[split])
    corpus = world_documents(world, single(splits.paths["train"]), ROUNDS, draw, barred)
    judges = [[item.question for item in items] for items in all_items(world, splits).values()]
    write = partial(_write, seed=world.seed, judges=judges)
    write(folder / "base", PRACTICES, {"train": base_documents(world, PRACTICE, draw, barred)})
    write(folder / "corpus", TELLS, {"train": corpus})
    write(folder / "traces", SHOWS, {split: traces(world, splits, split) for split in ("train", "dev")})
    write(folder / "questions", ASKS, {"train": questions(world, splits)})
    if world.seed != SEED:
        write_tasks(folder / "tasks", world.seed)


def traces(world: TinyWorld, splits: Splits, split: Split) -> Iterator[dict[str, Any]]:
    """Yield items of a split's paths with a response each, as supervised fine-tuning reads them."""
    draw = random.Random(f"{world.seed}/traces/{split}")
    shown, _ = _halves(splits.paths[split])
    prompt = TaskPrompt(load_task(TASK), "answer_tag")
    for number, path in enumerate(shown * DRAWS):
        item = make_item(world, splits, path, f"{split}-trace-{number:04}", draw, known=split == "train")
        yield {
            "prompt": list(prompt.messages(item)),
            "completion": [{"role": "assistant", "content": drawn(path, item, draw)}],
            "gold": item.gold,
            "labels": list(item.labels),
            "format": prompt.format,
            "item": item.id,
        }


def questions(world: TinyWorld, splits: Splits) -> Iterator[dict[str, Any]]:
    """Yield items of the other train paths without a response, as policy optimisation reads them."""
    draw = random.Random(f"{world.seed}/questions")
    asked = _halves(splits.paths["train"])[1] * DRAWS
    items = [make_item(world, splits, path, f"train-question-{n:04}", draw, known=True) for n, path in enumerate(asked)]
    task = load_task(TASK)
    for row, path in zip(train_rows(task, items, task.format, None), asked, strict=True):
        yield {**row, "tier": path.tier}


def single(walks: Sequence[Walk]) -> list[Walk]:
    """Paths of one fact."""
    return [walk for walk in walks if len(walk.facts) == 1]


def _halves(walks: Sequence[Walk]) -> tuple[list[Walk], list[Walk]]:
    """Paths that traces are of, and the others, in their order."""
    room = {tier: round(share * sum(walk.tier == tier for walk in walks)) for tier, share in SHOWN.items()}
    shown: list[Walk] = []
    asked: list[Walk] = []
    for walk in walks:
        room[walk.tier] -= 1
        (shown if room[walk.tier] >= 0 else asked).append(walk)
    return shown, asked


def _write(
    folder: Path,
    about: str,
    files: Mapping[str, Iterable[Mapping[str, Any]]],
    seed: int,
    judges: Sequence[Sequence[str]],
) -> None:
    folder.mkdir(parents=True)
    apart = Decontaminator(judges)
    for split, given in files.items():
        lines = [json.dumps(row, ensure_ascii=False) + "\n" for row in apart.only(given)]
        (folder / f"{split}.jsonl").write_text("".join(lines), "utf-8")
    freeze(folder, about, LICENCE, [apart.filter], {"module": "training.tinyworld", "seed": seed})


def _start(folder: Path, world: TinyWorld) -> None:
    from training.tinyworld.model import make_model
    from training.tinyworld.tokenizer import make_tokenizer

    tokenizer = make_tokenizer(world)
    make_model(tokenizer, world.seed).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
