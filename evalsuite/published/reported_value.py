"""Reported values: the digits, their place in a document, and everything that is known of how they were obtained."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Literal

from evalsuite.published import grim
from evalsuite.stats.intervals import Estimate, wilson
from evalsuite.util.validation import StrictModel

UNSTATED = "unstated"
Metric = Literal["accuracy", "average", "gain", "win", "tie", "loss"]
"""What a value measures: only `accuracy` is a share of a benchmark's items; `average` is a table's mean."""


class EvaluationProtocol(StrictModel):
    """How a value was obtained, in the words of its source; `unstated` if the source doesn't state it."""

    reasoning: str = UNSTATED
    """Whether the model reasons before it answers (chain of thought)."""
    scoring: str = UNSTATED
    """A generated answer, or the log-likelihood of the options."""
    votes: str = UNSTATED
    """Samples per item and how they are combined."""
    answer_format: str = UNSTATED
    shots: str = UNSTATED
    run_by: str = UNSTATED


class Reference(StrictModel):
    """The document in which a value is printed."""

    title: str
    authors: str
    date: str
    arxiv: str = ""
    url: str = ""
    note: str = ""


class ReportedValue(StrictModel):
    """One reported value. It is never measured here and never paired with a run."""

    document: str
    """Name of the file that holds it."""
    source: Reference
    seen: Literal["document", "quoted"]
    """`document`: in one of the two documents that this project starts from; `quoted`: in another place."""
    measured_here: Literal[False] = False
    lineage: str
    """The family of item sets and protocols that it belongs to; two lineages never share a column."""
    model: str
    stage: str = ""
    """Stage of training, where the document compares several of one model."""
    metric: Metric = "accuracy"
    printed: str
    """The percentage, digit for digit."""
    table: str
    row: str
    column: str
    """Key of the column in the file; `heading` is what the document prints."""
    heading: str
    task: str = ""
    """The task here; empty if there is none."""
    also: tuple[str, ...] = ()
    """Other tasks here that the source may mean."""
    benchmark: str
    n_stated: int | None = None
    plausible_n: tuple[int, ...] = ()
    """The stated n and the item counts of the tasks that it may be about, ascending."""
    n: int | None = None
    """Items from which its error is computed: the plausible n that most of its column fits, the smallest of several.

    The smallest, so that an interval is never narrower than the source allows.
    """
    split: str = UNSTATED
    options_stated: int | None = None
    protocol: EvaluationProtocol
    cites: str = ""
    """The source that the document itself names for the value."""
    caveat: str = ""

    @property
    def value(self) -> float:
        """The value as a fraction."""
        return float(self.printed) / 100

    @property
    def estimate(self) -> Estimate | None:
        """The value with its binomial error (Wilson, 95%); None if no n is known."""
        return None if self.n is None else wilson(self.value * self.n, self.n)

    @property
    def locator(self) -> str:
        """Its place in its document."""
        parts = (self.table, f"row {self.row}" if self.row else "", f"column {self.heading}" if self.row else "")
        return ", ".join(part for part in parts if part)

    @property
    def name(self) -> str:
        """The model, with its stage."""
        return f"{self.model} ({self.stage})" if self.stage else self.model


def same(values: Iterable[ReportedValue]) -> list[list[ReportedValue]]:
    """Group the values of one model for one benchmark under one protocol, each group with the most precise first."""
    groups: defaultdict[tuple[object, ...], list[ReportedValue]] = defaultdict(list)
    for reported in values:
        key = (
            reported.lineage,
            reported.task or reported.benchmark,
            reported.metric,
            reported.model.casefold(),
            reported.stage,
        )
        groups[(*key, reported.protocol)].append(reported)
    return [sorted(group, key=lambda reported: -grim.decimals(reported.printed)) for group in groups.values()]


def once(values: Iterable[ReportedValue]) -> tuple[ReportedValue, ...]:
    """Return the most precise statement of each value, as a column of a leaderboard shows it."""
    return tuple(group[0] for group in same(values))
