"""Task, Item, Dataset: what a benchmark is, as its card says it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


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

    items: tuple[Item, ...]
