"""A published number: what was printed, where, and everything that is known of how it was obtained."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Literal

from evalsuite.published import grim
from evalsuite.stats.intervals import Estimate, wilson
from evalsuite.util.validation import StrictModel

UNSTATED = "unstated"
Metric = Literal["accuracy", "average", "gain", "win", "tie", "loss"]
"""What a number measures: only `accuracy` is a share of a benchmark's items; `average` is a table's own mean."""


class EvaluationProtocol(StrictModel):
    """How a number was obtained, in its source's words; `unstated` where the source says nothing."""

    reasoning: str = UNSTATED
    """Whether the model reasons before it answers (chain of thought)."""
    scoring: str = UNSTATED
    """A written answer, or the log-likelihood of the options."""
    votes: str = UNSTATED
    """Samples per item and how they are combined."""
    answer_format: str = UNSTATED
    shots: str = UNSTATED
    run_by: str = UNSTATED


class Reference(StrictModel):
    """The document that a number stands in."""

    title: str
    authors: str
    date: str
    arxiv: str = ""
    url: str = ""
    note: str = ""


class ReportedValue(StrictModel):
    """One published number. It is never measured here and never paired with a run."""

    document: str
    """Name of the file that holds it."""
    source: Reference
    seen: Literal["document", "quoted"]
    """`document`: in one of the two documents that this project starts from; `quoted`: in another place."""
    measured_here: Literal[False] = False
    lineage: str
    """Which family of item sets and protocols it belongs to; two lineages never share a column."""
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
    """Our task; empty where there is none."""
    also: tuple[str, ...] = ()
    """Other tasks of ours that the source may mean."""
    benchmark: str
    n_stated: int | None = None
    plausible_n: tuple[int, ...] = ()
    """The stated n and the item counts of the tasks that it may be about, ascending."""
    n: int | None = None
    """Items that its error is computed from: the plausible n that most of its column fits, the smallest of several.

    The smallest, so that an interval is never narrower than what the source leaves open.
    """
    split: str = UNSTATED
    options_stated: int | None = None
    protocol: EvaluationProtocol
    cites: str = ""
    """Where the document has the number from."""
    caveat: str = ""

    @property
    def value(self) -> float:
        """The number as a fraction."""
        return float(self.printed) / 100

    @property
    def estimate(self) -> Estimate | None:
        """The value with its own binomial error (Wilson, 95%); None where no n is known."""
        return None if self.n is None else wilson(self.value * self.n, self.n)

    @property
    def locator(self) -> str:
        """Where it stands in its document."""
        parts = (self.table, f"row {self.row}" if self.row else "", f"column {self.heading}" if self.row else "")
        return ", ".join(part for part in parts if part)

    @property
    def name(self) -> str:
        """The model, with its stage."""
        return f"{self.model} ({self.stage})" if self.stage else self.model


def same(figures: Iterable[ReportedValue]) -> list[list[ReportedValue]]:
    """Group what states one model's number for one benchmark under one protocol again, the most precise first."""
    groups: defaultdict[tuple[object, ...], list[ReportedValue]] = defaultdict(list)
    for figure in figures:
        key = (figure.lineage, figure.task or figure.benchmark, figure.metric, figure.model.casefold(), figure.stage)
        groups[(*key, figure.protocol)].append(figure)
    return [sorted(group, key=lambda figure: -grim.decimals(figure.printed)) for group in groups.values()]


def once(figures: Iterable[ReportedValue]) -> tuple[ReportedValue, ...]:
    """Keep the most precise statement of each number, as a column of a leaderboard shows it."""
    return tuple(group[0] for group in same(figures))
