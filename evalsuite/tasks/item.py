"""What a benchmark is made of: an item with its options and gold label, and a task's data set of items."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

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
    """Sections that the question is asked about: (heading, text)."""
    group: str = ""
    """Cluster for resampling: items that share it are not independent; empty: the item alone."""
    meta: Mapping[str, str] = field(default_factory=dict)
    """Subgroups to report by (subject, body system, ...)."""


@dataclass(frozen=True, slots=True)
class Dataset:
    """A task with the items that were found for it."""

    task: Task
    items: tuple[Item, ...]
    digest: str
    """sha256 over the canonical form of all items, whatever part of them is run."""
    variant: str
    """Which of the known forms of the data this is."""
    root: Path
    """Where its files were found."""
    notes: tuple[str, ...] = ()
    """What a reader must know about this copy, a sentence each."""
