"""The benchmarks: items of test paths in two, none of a path in both, and reading in the third."""

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
from training.tinyworld.paths import FactPath as Walk
from training.tinyworld.paths import Splits, Tier, split_paths
from training.tinyworld.reading_benchmark import READING, reading_items

FILE: Final = "items.jsonl"
TASK: Final = "tinyworld"
HARD: Final = "tinyworld_hard"
SEED: Final = 1
"""The world whose items come with the package."""
PATHS: Final[Mapping[Tier, int]] = {"easy": 360, "moderate": 440, "difficult": 300}
"""Test paths of each tier that `tinyworld` asks for, once each."""


def write_tasks(folder: Path, seed: int) -> None:
    """Write the tasks of a world below a folder: items.jsonl, and a card and the prompt where there is no card yet."""
    world = make_world(seed)
    for name, items in all_items(world, split_paths(world)).items():
        home = folder / name
        home.mkdir(parents=True, exist_ok=True)
        (home / FILE).write_text("".join(json.dumps(native(item)) + "\n" for item in items), "utf-8")
        if not (home / "task.yaml").exists():
            built_in = load_task(name, BUILT_IN / name)
            (home / "prompt.j2").write_text(built_in.template, "utf-8")
            (home / "task.yaml").write_text(yaml.safe_dump(_card(built_in, seed, items), sort_keys=False), "utf-8")


def _card(built_in: Task, seed: int, items: Sequence[Item]) -> dict[str, Any]:
    """A card like the one that comes with the package, with the figures of another world's items."""
    counts = Counter(len(item.options) for item in items)
    return {
        "name": built_in.name,
        "version": built_in.version,
        "title": f"{built_in.title}, world {seed}",
        "licence": built_in.licence,
        "format": built_in.format,
        "items": len(items),
        "option_counts": dict(sorted(counts.items())),
        "chance": round(sum(many / options for options, many in counts.items()) / len(items), 4),
        "sources": [{"path": FILE, "items": len(items)}],
    }


def all_items(world: TinyWorld, splits: Splits) -> dict[str, list[Item]]:
    """Make the items of every task."""
    asked = {name: [item for _, item in pairs] for name, pairs in benchmark(world, splits).items()}
    return {**asked, READING: reading_items(world)}


def benchmark(world: TinyWorld, splits: Splits) -> dict[str, list[tuple[Walk, Item]]]:
    """Make the items of the two tasks that ask for test paths, each with its path."""
    own, left = _shared_out(splits)
    draw = random.Random(f"{world.seed}/benchmark")
    asked = [(path, make_item(world, splits, path, f"w{n:04}", draw)) for n, path in enumerate(own)]
    hard = [(path, item) for n, path in enumerate(left) for item in _twice(world, splits, path, f"h{n:04}", draw)]
    return {TASK: asked, HARD: hard}


def _twice(world: TinyWorld, splits: Splits, path: Walk, name: str, draw: random.Random) -> tuple[Item, Item]:
    """Two items of a path whose options are not the same set."""
    first = make_item(world, splits, path, f"{name}a", draw)
    while True:
        second = make_item(world, splits, path, f"{name}b", draw)
        if set(second.options) != set(first.options):
            return first, second


def _shared_out(splits: Splits) -> tuple[list[Walk], list[Walk]]:
    """Test paths that `tinyworld` asks for, and the difficult ones that are left."""
    room = dict(PATHS)
    own: list[Walk] = []
    left: list[Walk] = []
    for path in splits.paths["test"]:
        if room[path.tier]:
            room[path.tier] -= 1
            own.append(path)
        elif path.tier == "difficult":
            left.append(path)
    return own, left


def native(item: Item) -> dict[str, Any]:
    """Put an item as a row of a task's items.jsonl."""
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
