"""A stage's rows as the checks see them, read one at a time: any file takes the memory of its longest line."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from evalsuite.prompt import Message
from training import rows
from training.recipe import Grpo, Pretrain, Sft
from training.rows import Pair, Question, Text, Trace


class Row(NamedTuple):
    """A question to train on; in supervised fine-tuning it has a completion."""

    item: str
    prompt: tuple[Message, ...]
    gold: str
    labels: tuple[str, ...]
    format: str
    completion: str | None = None
    task: str = ""
    tier: str | None = None
    opens_reasoning: bool = False

    @property
    def asked(self) -> str:
        """What the user's last turn says."""
        return next((turn["content"] for turn in reversed(self.prompt) if turn["role"] == "user"), "")


def read_texts(stage: Pretrain, data: Path) -> Iterator[str]:
    """Read the training texts of a stage, a prompt and its completion as one."""
    for row in rows.read(data / stage.data.folder, "train", "pretrain"):
        if isinstance(row, Text):
            yield row.text
        elif isinstance(row, Pair):
            yield row.prompt + row.completion


def read_rows(stage: Sft | Grpo, data: Path) -> Iterator[Row]:
    """Read the training rows of a stage."""
    for row in rows.read(data / stage.data.folder, "train", stage.kind):
        if isinstance(row, Trace):
            yield Row(*_asked(row), completion=row.completion[0].content)
        elif isinstance(row, Question):
            yield Row(*_asked(row), task=row.task, tier=row.tier, opens_reasoning=row.opens_reasoning)


def _asked(row: Trace | Question) -> tuple[str, tuple[Message, ...], str, tuple[str, ...], str]:
    prompt = tuple(Message(role=turn.role, content=turn.content) for turn in row.prompt)
    return row.item, prompt, row.gold, tuple(row.labels), row.format
