"""The texts of benchmark items that training data are searched for."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final, Literal, NamedTuple

from evalsuite.data.load import load, load_split
from evalsuite.errors import DataError, ErrorCode
from evalsuite.tasks.item import Item
from evalsuite.tasks.schema import Task

Part = Literal["question", "context"]
SPLITS: Final = ("test", "dev")


class BenchmarkItem(NamedTuple):
    """One item of a benchmark whose question or context a text is."""

    task: str
    split: str
    id: str
    options: tuple[str, ...]
    answer: str
    """The text of the gold option."""

    @property
    def column(self) -> str:
        """The benchmark's name in reports: that of the task, and the split unless it is the test split."""
        return self.task if self.split == "test" else f"{self.task} ({self.split})"


class Question(NamedTuple):
    """A question, or a context, with all the items that have it."""

    text: str
    part: Part
    items: tuple[BenchmarkItem, ...]


class Benchmarks(NamedTuple):
    """The questions of several benchmarks, their numbers of items, and why some could not be read."""

    questions: tuple[Question, ...]
    items: dict[str, int]
    """By column."""
    unavailable: dict[str, str]
    data_digests: dict[str, str]
    """Of the test splits, by task, as a run's summary.json has them."""


def read_benchmarks(
    tasks: Sequence[Task],
    data_dir: Path | None = None,
    splits: Sequence[str] = SPLITS,
    unreadable: Literal["list", "list absent", "raise"] = "list absent",
) -> Benchmarks:
    """Return the questions and contexts of the tasks' items; equal texts are one question.

    `unreadable`: whether test items that can't be read are listed as unavailable, only where there are none at all, or
    are a `DataError`. A dev split may always be absent.
    """
    questions: dict[tuple[Part, str], list[BenchmarkItem]] = {}
    counts: dict[str, int] = {}
    unavailable: dict[str, str] = {}
    digests: dict[str, str] = {}
    for task in tasks:
        for split in splits:
            try:
                items, digest = _items(task, split, data_dir)
            except DataError as error:
                absent = error.code in (ErrorCode.DATA_NOT_FOUND, ErrorCode.GENERATOR_FAILED)
                if split == "test" and (unreadable == "raise" or (unreadable == "list absent" and not absent)):
                    raise
                if split == "test":
                    unavailable[task.name] = str(error)
                elif not absent:
                    raise
                continue
            column = _add(questions, task.name, split, items)
            counts[column] = len(items)
            if digest is not None:
                digests[task.name] = digest
    found = (Question(text, part, tuple(items)) for (part, text), items in questions.items())
    return Benchmarks(tuple(found), counts, unavailable, digests)


def _items(task: Task, split: str, data_dir: Path | None) -> tuple[Sequence[Item], str | None]:
    """Return the items of a split, and of the test split the digest of its data."""
    if split == "test":
        dataset = load(task, data_dir)
        return dataset.items, dataset.digest
    return load_split(task, "dev", data_dir), None


def _add(questions: dict[tuple[Part, str], list[BenchmarkItem]], task: str, split: str, items: Iterable[Item]) -> str:
    column = task
    for item in items:
        answer = item.options[item.labels.index(item.gold)]
        owner = BenchmarkItem(task, split, item.id, item.options, answer)
        column = owner.column
        questions.setdefault(("question", item.question), []).append(owner)
        if item.context:
            context = "\n".join(text for _, text in item.context)
            questions.setdefault(("context", context), []).append(owner)
    return column
