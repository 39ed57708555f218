"""The world's three benchmarks: tinyworld and tinyworld_hard with items of different test paths, tinyworld_reading."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import yaml

from evalsuite.tasks.item import Item
from evalsuite.tasks.registry import load_task
from evalsuite.tasks.schema import BUILT_IN, Task
from training.tinyworld.graph import TinyWorld, make_world
from training.tinyworld.items import make_item
from training.tinyworld.paths import FactPath, Splits, Tier, split_paths
from training.tinyworld.reading_benchmark import READING, reading_items

FILE: Final = "items.jsonl"
TASK: Final = "tinyworld"
HARD: Final = "tinyworld_hard"
SEED: Final = 1
"""The seed of the world whose items come with the package."""
PATHS: Final[Mapping[Tier, int]] = {"easy": 360, "moderate": 440, "difficult": 300}
"""Test paths of each tier in `tinyworld`, with one item each."""


def write_tasks(folder: Path, seed: int) -> None:
    """Write a world's tasks to a folder: items.jsonl, and a task card with its prompt where there is none."""
    world = make_world(seed)
    for name, items in all_items(world, split_paths(world)).items():
        task_folder = folder / name
        task_folder.mkdir(parents=True, exist_ok=True)
        (task_folder / FILE).write_text("".join(json.dumps(item_row(item)) + "\n" for item in items), "utf-8")
        if not (task_folder / "task.yaml").exists():
            built_in = load_task(name, BUILT_IN / name)
            (task_folder / "prompt.j2").write_text(built_in.template, "utf-8")
            (task_folder / "task.yaml").write_text(
                yaml.safe_dump(_card(built_in, seed, items), sort_keys=False), "utf-8"
            )


def _card(built_in: Task, seed: int, items: Sequence[Item]) -> dict[str, Any]:
    """Return a task card like the package's, with the counts of another world's items."""
    counts = Counter(len(item.options) for item in items)
    return {
        "name": built_in.name,
        "version": built_in.version,
        "title": f"{built_in.title}, world {seed}",
        "licence": built_in.licence,
        "format": built_in.format,
        "items": len(items),
        "option_counts": dict(sorted(counts.items())),
        "chance": round(sum(count / options for options, count in counts.items()) / len(items), 4),
        "sources": [{"path": FILE, "items": len(items)}],
    }


def all_items(world: TinyWorld, splits: Splits) -> dict[str, list[Item]]:
    """Return the items of every task by its name."""
    by_task = {name: [item for _, item in pairs] for name, pairs in path_benchmarks(world, splits).items()}
    return {**by_task, READING: reading_items(world)}


def path_benchmarks(world: TinyWorld, splits: Splits) -> dict[str, list[tuple[FactPath, Item]]]:
    """Return the items of the two tasks on test paths, each with its path."""
    selected, difficult = _divide(splits)
    draw = random.Random(f"{world.seed}/benchmark")
    items = [(path, make_item(world, splits, path, f"w{n:04}", draw)) for n, path in enumerate(selected)]
    hard = [
        (path, item) for n, path in enumerate(difficult) for item in _item_pair(world, splits, path, f"h{n:04}", draw)
    ]
    return {TASK: items, HARD: hard}


def _item_pair(world: TinyWorld, splits: Splits, path: FactPath, name: str, draw: random.Random) -> tuple[Item, Item]:
    """Return two items of a path with different sets of options."""
    first = make_item(world, splits, path, f"{name}a", draw)
    while True:
        second = make_item(world, splits, path, f"{name}b", draw)
        if set(second.options) != set(first.options):
            return first, second


def _divide(splits: Splits) -> tuple[list[FactPath], list[FactPath]]:
    """Return the test paths of `tinyworld`, and the remaining difficult ones for `tinyworld_hard`."""
    remaining = dict(PATHS)
    selected: list[FactPath] = []
    difficult: list[FactPath] = []
    for path in splits.paths["test"]:
        if remaining[path.tier]:
            remaining[path.tier] -= 1
            selected.append(path)
        elif path.tier == "difficult":
            difficult.append(path)
    return selected, difficult


def item_row(item: Item) -> dict[str, Any]:
    """Return an item as a row of a task's items.jsonl."""
    headings, texts = zip(*item.context, strict=True) if item.context else ((), ())
    return {
        "id": item.id,
        **({"context": {"headings": headings, "texts": texts}} if item.context else {}),
        "question": item.question,
        "options": dict(zip(item.labels, item.options, strict=True)),
        "answer": item.gold,
        "group": item.group,
        "meta": dict(item.meta),
    }
