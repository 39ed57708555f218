"""The data sets of the `tiny` recipe (base, corpus, traces, questions) and its start model, written to a folder."""

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
from training.tinyworld.benchmark import SEED, TASK, path_benchmarks, write_tasks
from training.tinyworld.corpus import base_documents, world_documents
from training.tinyworld.decontaminate import Decontaminator
from training.tinyworld.graph import TinyWorld, make_world
from training.tinyworld.items import make_item
from training.tinyworld.paths import FactPath, Split, Splits, Tier, split_paths
from training.tinyworld.traces import draw_trace

LICENCE: Final = "Apache-2.0 (made by training.tinyworld; the project's LICENSE)"
ABOUT_BASE: Final = "Reading practice on made-up facts, drawn anew for each text: it tells nothing of the world."
ABOUT_CORPUS: Final = "Every fact of a synthetic clinical world of invented names; nothing in it is true of medicine."
ABOUT_TRACES: Final = "Items of train paths with responses: some reason to the end, the others break off and guess."
ABOUT_QUESTIONS: Final = "Items of other train paths, to be answered for a reward."
START: Final = "start"
"""The folder of the start model, next to the data sets."""
BASE_TEXTS: Final = 9600
"""Practice texts of the base stage."""
ROUNDS: Final = 5
"""How often the corpus states every fact; a stage trains on it for several epochs."""
TRACE_SHARE: Final[Mapping[Tier, float]] = {"easy": 0.7, "moderate": 0.7, "difficult": 0.5}
"""Share of the train paths that get traces; the others become questions for training by reward."""
ITEMS_PER_PATH: Final = 2
"""Items of each path, with different options."""


def build(folder: Path, seed: int) -> None:
    """Write a world's data sets and its start model to a folder."""
    world = make_world(seed)
    make_data(folder, world)
    _write_start_model(folder / START, world)


def make_data(folder: Path, world: TinyWorld) -> None:
    """Write the data sets `base`, `corpus`, `traces` and `questions`, each with its manifest; torch is not needed.

    The benchmarks of the world with seed `SEED` come with the package; those of any other world are written to `tasks`.
    """
    splits = split_paths(world)
    draw = random.Random(f"{world.seed}/texts")
    excluded = frozenset(path.question() for split in ("dev", "test") for path in splits.paths[split])
    corpus = world_documents(world, single_facts(splits.paths["train"]), ROUNDS, draw, excluded)
    benchmarks = [[path for path, _ in pairs] for pairs in path_benchmarks(world, splits).values()]
    write = partial(_write, seed=world.seed, benchmarks=benchmarks)
    write(folder / "base", ABOUT_BASE, {"train": base_documents(world, BASE_TEXTS, draw, excluded)})
    write(folder / "corpus", ABOUT_CORPUS, {"train": corpus})
    write(folder / "traces", ABOUT_TRACES, {split: traces(world, splits, split) for split in ("train", "dev")})
    write(folder / "questions", ABOUT_QUESTIONS, {"train": questions(world, splits)})
    if world.seed != SEED:
        write_tasks(folder / "tasks", world.seed)


def traces(world: TinyWorld, splits: Splits, split: Split) -> Iterator[dict[str, Any]]:
    """Yield items of a split's paths with a trace each, as rows for supervised fine-tuning."""
    draw = random.Random(f"{world.seed}/traces/{split}")
    paths, _ = _divide(splits.paths[split])
    prompt = TaskPrompt(load_task(TASK), "answer_tag")
    for number, path in enumerate(paths * ITEMS_PER_PATH):
        item = make_item(world, splits, path, f"{split}-trace-{number:04}", draw, for_training=split == "train")
        yield {
            "prompt": list(prompt.messages(item)),
            "completion": [{"role": "assistant", "content": draw_trace(path, item, draw)}],
            "gold": item.gold,
            "labels": list(item.labels),
            "format": prompt.format,
            "item": item.id,
        }


def questions(world: TinyWorld, splits: Splits) -> Iterator[dict[str, Any]]:
    """Yield items of the other train paths with their tier, as rows for policy optimisation."""
    draw = random.Random(f"{world.seed}/questions")
    paths = _divide(splits.paths["train"])[1] * ITEMS_PER_PATH
    items = [
        make_item(world, splits, path, f"train-question-{n:04}", draw, for_training=True)
        for n, path in enumerate(paths)
    ]
    task = load_task(TASK)
    for row, path in zip(train_rows(task, items, task.format, None), paths, strict=True):
        yield {**row, "tier": path.tier}


def single_facts(paths: Sequence[FactPath]) -> list[FactPath]:
    """Return the paths of one fact."""
    return [path for path in paths if len(path.facts) == 1]


def _divide(paths: Sequence[FactPath]) -> tuple[list[FactPath], list[FactPath]]:
    """Return the paths for traces and the others, the first of each tier going to the traces."""
    remaining = {tier: round(share * sum(path.tier == tier for path in paths)) for tier, share in TRACE_SHARE.items()}
    with_trace: list[FactPath] = []
    others: list[FactPath] = []
    for path in paths:
        remaining[path.tier] -= 1
        (with_trace if remaining[path.tier] >= 0 else others).append(path)
    return with_trace, others


def _write(
    folder: Path,
    about: str,
    files: Mapping[str, Iterable[Mapping[str, Any]]],
    seed: int,
    benchmarks: Sequence[Sequence[FactPath]],
) -> None:
    folder.mkdir(parents=True)
    decontaminator = Decontaminator(benchmarks)
    for split, rows in files.items():
        lines = [json.dumps(row, ensure_ascii=False) + "\n" for row in decontaminator.filter_rows(rows)]
        (folder / f"{split}.jsonl").write_text("".join(lines), "utf-8")
    freeze(folder, about, LICENCE, [decontaminator.manifest_entry], {"module": "training.tinyworld", "seed": seed})


def _write_start_model(folder: Path, world: TinyWorld) -> None:
    from training.tinyworld.model import make_model
    from training.tinyworld.tokenizer import make_tokenizer

    tokenizer = make_tokenizer(world)
    make_model(tokenizer, world.seed).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
