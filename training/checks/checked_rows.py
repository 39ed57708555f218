"""A stage's rows as the checks see them, of each file that it reads: any takes the memory of its longest line."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from evalsuite.tasks.prompt import Message
from training.data import rows
from training.data.rows import CorpusText, PromptCompletion, RewardPrompt, Trace
from training.recipe import Grpo, Pretrain, Sft


class CheckedRow(NamedTuple):
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
    file: str = "train.jsonl"

    @property
    def named(self) -> str:
        """The item, and the file that it stands in."""
        return f"{self.item} of {self.file}"

    @property
    def prompt_text(self) -> str:
        """What the user's last turn says."""
        return next((turn["content"] for turn in reversed(self.prompt) if turn["role"] == "user"), "")


class CheckedText(NamedTuple):
    """A text to train on; a prompt and its completion are one."""

    text: str
    number: int
    """Its line, from 1."""
    whole: bool
    """Whether it is not to be cut, as a completion isn't from its prompt."""


def read_texts(stage: Pretrain, data: Path) -> Iterator[CheckedText]:
    """Read the training texts of a stage."""
    for number, row in enumerate(rows.read(data / stage.data.folder, "train", "pretrain"), 1):
        if isinstance(row, CorpusText):
            yield CheckedText(row.text, number, whole=False)
        elif isinstance(row, PromptCompletion):
            yield CheckedText(row.prompt + row.completion, number, whole=True)


def read_rows(stage: Sft | Grpo, data: Path) -> Iterator[CheckedRow]:
    """Read the rows of a stage: those to train on, then those that choose what is kept, where it reads such."""
    folder = data / stage.data.folder
    for split in rows.splits(stage, folder):
        file = f"{split}.jsonl"
        for row in rows.read(folder, split, rows.kind_of(stage)):
            if isinstance(row, Trace):
                yield CheckedRow(*_asked(row), completion=row.completion[0].content, file=file)
            elif isinstance(row, RewardPrompt):
                yield CheckedRow(
                    *_asked(row), task=row.task, tier=row.tier, opens_reasoning=row.opens_reasoning, file=file
                )


def _asked(row: Trace | RewardPrompt) -> tuple[str, tuple[Message, ...], str, tuple[str, ...], str]:
    prompt = tuple(Message(role=turn.role, content=turn.content) for turn in row.prompt)
    return row.item, prompt, row.gold, tuple(row.labels), row.format
