"""Published numbers, each with its source: read from `baselines/published/`, one file a document."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path

from evalsuite.errors import BaselineError, UsageError
from evalsuite.published.document import Claim, PublishedDocument, read
from evalsuite.published.reported_value import EvaluationProtocol, Reference, ReportedValue, once

__all__ = [
    "Claim",
    "EvaluationProtocol",
    "PublishedDocument",
    "Reference",
    "ReportedValue",
    "documents",
    "figures",
    "load",
    "once",
    "read",
]

_PACKAGE = Path(__file__).parent.parent
FOLDER = next(
    (f for f in (_PACKAGE / "_baselines", _PACKAGE.parent / "baselines") if f.is_dir()), _PACKAGE / "_baselines"
)
"""The baselines that come with the package: inside it when installed, next to it in a checkout."""


@cache
def documents(paths: tuple[Path, ...] = ()) -> tuple[PublishedDocument, ...]:
    """Read the given files, or all that come with the package, in the order of their names."""
    chosen = paths or tuple(sorted((FOLDER / "published").glob("*.yaml")))
    if not chosen:
        raise BaselineError(f"no published baselines in {FOLDER / 'published'}")
    return tuple(read(path) for path in chosen)


def load() -> tuple[ReportedValue, ...]:
    """List every published number that comes with the package."""
    return tuple(figure for document in documents() for figure in document.figures())


def figures(
    task: str | None = None, lineage: str | None = None, among: Sequence[ReportedValue] | None = None
) -> tuple[ReportedValue, ...]:
    """Choose published accuracies that may be about a task of ours, and of one lineage; an unknown lineage is refused.

    A number belongs to its source's own column only: read `caveat` and `also` before it stands beside a run. Documents
    state numbers again, rounded; `once` keeps one of each.
    """
    known = load() if among is None else tuple(among)
    lineages = sorted({figure.lineage for figure in known})
    if lineage is not None and lineage not in lineages:
        raise UsageError(f"unknown lineage {lineage!r}; there are: {', '.join(lineages)}")
    return tuple(
        figure
        for figure in known
        if (task is None or task in (figure.task, *figure.also)) and lineage in (None, figure.lineage)
    )
