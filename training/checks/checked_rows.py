"""A stage's rows in the form in which the checks take them, from the datasets that the stage is trained on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from evalsuite.tasks.prompt import Message
from training.data import rows
from training.data.manifest import TRAIN, Manifest
from training.data.rows import Split
from training.recipe import Stage

if TYPE_CHECKING:
    import datasets

Splits = Mapping[Split, "datasets.Dataset"]
"""The datasets that a stage reads, train before dev."""


class CheckedRow(NamedTuple):
    """One item to train on; for supervised fine-tuning with a completion."""

    item: str
    prompt: tuple[Message, ...]
    gold: str
    labels: tuple[str, ...]
    format: str
    completion: str | None = None
    task: str = ""
    tier: str | None = None
    opens_reasoning: bool = False
    file: str = TRAIN

    @property
    def identity(self) -> str:
        """The item's id and the file that the row is in."""
        return f"{self.item} of {self.file}"

    @property
    def prompt_text(self) -> str:
        """The content of the last user message."""
        return next((turn["content"] for turn in reversed(self.prompt) if turn["role"] == "user"), "")


class CheckedText(NamedTuple):
    """One text to train on; a prompt and its completion are joined."""

    text: str
    line: int
    """The line in train.jsonl, from 1."""
    unsplit: bool
    """Whether the text must fit into one sequence, as a completion must not be separated from its prompt."""


def load_splits(
    stage: Stage, folder: Path, cache: Path | None = None, manifest: Manifest | None = None
) -> dict[Split, datasets.Dataset]:
    """Load every split that a stage reads; the arguments and errors are those of `rows.load`."""
    kind = rows.kind_of(stage)
    return {split: rows.load(folder, split, kind, cache, manifest) for split in rows.splits(stage, folder)}


def checked_texts(splits: Splits) -> Iterator[CheckedText]:
    """Yield the texts of a pretraining stage."""
    for line, row in enumerate(splits["train"], 1):
        if "text" in row:
            yield CheckedText(row["text"], line, unsplit=False)
        else:
            yield CheckedText(row["prompt"] + row["completion"], line, unsplit=True)


def checked_rows(splits: Splits) -> Iterator[CheckedRow]:
    """Yield the rows of an sft or grpo stage, train rows before dev rows; needs memory for one row at a time."""
    for split, dataset in splits.items():
        for row in dataset:
            yield _checked_row(row, f"{split}.jsonl")


def _checked_row(row: Mapping[str, Any], file: str) -> CheckedRow:
    completion = row.get("completion")
    return CheckedRow(
        item=row["item"],
        prompt=tuple(Message(role=turn["role"], content=turn["content"]) for turn in row["prompt"]),
        gold=row["gold"],
        labels=tuple(row["labels"]),
        format=row["format"],
        completion=completion[0]["content"] if completion else None,
        task=row.get("task", ""),
        tier=row.get("tier"),
        opens_reasoning=row.get("opens_reasoning", False),
        file=file,
    )
