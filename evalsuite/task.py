"""Task, Item, Dataset: what a benchmark is, as its card says it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import BaseModel, ConfigDict


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


class Task(BaseModel):
    """A benchmark's card."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    name: str
    version: int
    format: str = "answer_tag"
    aliases: tuple[str, ...] = ()
    """Other names under which recordings know the task."""
    folder: Path


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
