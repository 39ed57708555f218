"""Writes questions to a folder: for training, as a benchmark, with their proofs, under a manifest."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import yaml

from evalsuite.data.own_items import card_facts, native_row
from evalsuite.errors import DataError, ErrorCode, UsageError
from evalsuite.reward.train_dataset import train_rows
from evalsuite.tasks.registry import load_task
from training.data.manifest import TRAIN, Manifest, describe, write_manifest
from training.synthesis.graph.graph import Graph
from training.synthesis.questions.generate import GENERATOR_VERSION, generate
from training.synthesis.questions.items import SyntheticItem, make_items
from training.synthesis.questions.source import QuestionSource

TASK: Final = "synthetic"
PROOFS: Final = "proofs.jsonl"
ITEMS: Final = "items.jsonl"


def synthesize(
    source: QuestionSource,
    count: int,
    seed: int,
    folder: Path,
    shares: Mapping[str, float] | None = None,
    mentions: Mapping[str, Any] | None = None,
) -> Manifest:
    """Draw questions from a graph and write them to a new folder; return its manifest.

    The folder holds `train.jsonl` (rows of a `grpo` stage, with tiers), `proofs.jsonl` (a row for each question), and
    the task folder `synthetic`, by which they can be evaluated and audited like any benchmark. `mentions`: what the
    manifest says of the table of mentions, by which subjects were drawn.
    """
    if folder.exists() and any(folder.iterdir()):
        raise DataError(ErrorCode.OUTPUT_EXISTS, f"{folder}: is not empty (`out`); name a new folder")
    # Before anything is drawn, so that a folder that can't be made costs no time.
    folder.mkdir(parents=True, exist_ok=True)
    try:
        items = list(make_items(source, generate(source, count, seed, shares), seed))
    except UsageError:
        folder.rmdir()
        raise
    _write_task(folder / TASK, items, source.graph, seed)
    tiers = {each.item.id: each.tier for each in items}
    task = load_task(TASK, folder / TASK)
    rows = (row | {"tier": tiers[row["item"]]} for row in train_rows(task, [each.item for each in items], None, None))
    _write_lines(folder / TRAIN, rows)
    _write_lines(folder / PROOFS, ({"item": each.item.id} | each.proof for each in items))
    files = [(TRAIN, count), (PROOFS, count), (f"{TASK}/{ITEMS}", count), (f"{TASK}/task.yaml", 1)]
    manifest = Manifest(
        name=folder.resolve().name,
        about="Multiple-choice questions drawn from a medical graph, each with a proof.",
        licence=_licences(source.graph),
        files=describe(folder, files),
        made_by=_made_by(source.graph, items, seed) | ({} if mentions is None else {"mentions": dict(mentions)}),
    )
    write_manifest(folder, manifest)
    return manifest


def _write_task(folder: Path, items: Sequence[SyntheticItem], graph: Graph, seed: int) -> None:
    folder.mkdir()
    _write_lines(folder / ITEMS, (native_row(each.item) for each in items))
    facts = card_facts(tuple(each.item for each in items))
    card = {
        "name": TASK,
        "version": 1,
        "title": f"Questions from a medical graph, seed {seed}",
        "about": " ".join(dict.fromkeys(each.attribution for each in graph.sources if each.attribution))
        or "Drawn from a graph of diseases, signs and genes.",
        "licence": _licences(graph),
        "format": "answer_tag",
        **facts,
        "sources": [{"path": ITEMS, "items": len(items)}],
    }
    (folder / "task.yaml").write_text(yaml.safe_dump(card, sort_keys=False, allow_unicode=True), "utf-8")


def _made_by(graph: Graph, items: Sequence[SyntheticItem], seed: int) -> dict[str, Any]:
    """Return what is needed to draw the same questions again, and how many there are of each kind."""
    return {
        "program": "evalsuite train synthesize",
        "generator": GENERATOR_VERSION,
        "seed": seed,
        "graph": graph.digest,
        "sources": [each._asdict() for each in graph.sources],
        "shapes": dict(Counter(each.item.meta["shape"] for each in items)),
        "tiers": dict(Counter(each.tier for each in items)),
    }


def _licences(graph: Graph) -> str:
    return "; ".join(dict.fromkeys(f"{each.name}: {each.licence}" for each in graph.sources))


def _write_lines(path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    with path.open("w", encoding="utf-8") as stream:
        stream.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
