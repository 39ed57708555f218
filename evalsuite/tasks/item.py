"""Items, the questions of a benchmark with their options and gold labels, and data sets of items."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # a task renders the prompts of its items, so its module imports this one
    from evalsuite.tasks.schema import Task


@dataclass(frozen=True, slots=True)
class Item:
    """One question with labelled options and one gold label."""

    id: str
    question: str
    options: tuple[str, ...]
    labels: tuple[str, ...]
    gold: str
    context: tuple[tuple[str, str], ...] = ()
    """Sections that the question is about: (heading, text)."""
    group: str = ""
    """Cluster for resampling: items that share it are not independent; empty: the item is a cluster of its own."""
    meta: Mapping[str, str] = field(default_factory=dict)
    """Subgroups to report by (subject, body system, ...)."""

    def __repr__(self) -> str:
        return f"Item({self.id!r}, {len(self.options)} options, gold {self.gold!r})"


@dataclass(frozen=True, slots=True)
class Dataset:
    """A task with the items that were loaded for it."""

    task: Task
    items: tuple[Item, ...]
    digest: str
    """SHA-256 over the canonical form of all items, even if only some of them are run."""
    variant: str
    """Which of the known forms of the data this is."""
    root: Path
    """The folder in which its files were found."""
    notes: tuple[str, ...] = ()
    """What a reader must know about this copy, one sentence each."""

    def __len__(self) -> int:
        return len(self.items)

    def __iter__(self) -> Iterator[Item]:
        return iter(self.items)

    def __repr__(self) -> str:
        return f"Dataset({self.task.name!r}, {len(self.items)} items, digest {self.digest[:12]})"
