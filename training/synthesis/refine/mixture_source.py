"""One source of a mixture: its rows on disk, their keys, and what became of them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from evalsuite.data import canonical
from evalsuite.data.load import load_split
from evalsuite.errors import DataError, ErrorCode
from evalsuite.reward.train_dataset import train_rows
from evalsuite.tasks.registry import load_task, task_names
from evalsuite.util.jsonl import dump_json_line
from training.data.manifest import FILE, TRAIN, Manifest, verify
from training.data.rows import RewardPrompt, Schema, parse_rows, schema_of
from training.synthesis.refine.same_question import RowKey, row_key


@dataclass(slots=True)
class MixtureSource:
    """The rows of one source, which stay on disk."""

    name: str
    share: float
    file: Path
    about: str
    licence: str
    schema: Schema
    manifest: Manifest | None = None
    data_digest: str = ""
    """Of a task's train items."""
    keys: list[RowKey] = field(default_factory=list)
    offsets: list[int] = field(default_factory=list)
    tiers: list[str] = field(default_factory=list)
    requested: int = 0
    left_out: dict[int, str] = field(default_factory=dict)
    """Rows that can't be drawn, by their places: the reason."""
    drawn: list[int] = field(default_factory=list)

    def index(self) -> None:
        """Read all rows once; one that is no row of its stage is a `DataError` that names file and line."""
        offset = 0
        for line, row in parse_rows(self.file, self.schema):
            self.keys.append(row_key(row))
            self.offsets.append(offset)
            self.tiers.append((row.tier if isinstance(row, RewardPrompt) else None) or "none")
            offset += len(line)

    @property
    def eligible(self) -> list[int]:
        """The places of the rows that can be drawn."""
        return [place for place in range(len(self.keys)) if place not in self.left_out]

    def rows(self, places: list[int]) -> Iterator[dict[str, Any]]:
        """Yield rows by their places, each with the name of its source, which its item's id begins with, too.

        Two sources may give different items one id, and a trainer tells items apart by it.
        """
        with self.file.open("rb") as stream:
            for place in places:
                stream.seek(self.offsets[place])
                row = json.loads(stream.readline())
                renamed = {"item": f"{self.name}:{row['item']}"} if "item" in row else {}
                yield row | renamed | {"source": self.name}


def open_source(name: str, share: float, scratch: Path, data_dir: Path | None = None) -> MixtureSource:
    """Return a source: a data folder with a manifest, or a task's name, whose train items are written to `scratch`."""
    folder = Path(name)
    if folder.is_dir():
        manifest = verify(folder)
        if manifest.find(TRAIN) is None:
            raise DataError(ErrorCode.INVALID_MANIFEST, f"{folder / FILE}: names no {TRAIN}; there is nothing to mix")
        file = folder / TRAIN
        name, schema = folder.resolve().name, schema_of(file)
        return MixtureSource(name, share, file, manifest.about, manifest.licence, schema, manifest)
    if folder.exists() or name not in task_names():
        raise DataError(ErrorCode.DATA_NOT_FOUND, f"{name}: neither a data folder nor a task; freeze a folder first")
    task = load_task(name)
    items = load_split(task, "train", data_dir)
    file = scratch / f"{name}.jsonl"
    with file.open("wb") as stream:
        stream.writelines(map(dump_json_line, train_rows(task, items, None, None)))
    licence = task.licence or "as its task card says"
    return MixtureSource(name, share, file, task.about, licence, RewardPrompt, data_digest=canonical.digest(items))
