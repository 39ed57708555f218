"""Published scores, each with its source: read from `baselines/published/`, one file per document."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path

from evalsuite.errors import BaselineError, ErrorCode, UsageError
from evalsuite.published.document import Claim, PublishedDocument, read
from evalsuite.published.reported_value import EvaluationProtocol, Reference, ReportedValue, once

__all__ = [
    "Claim",
    "EvaluationProtocol",
    "PublishedDocument",
    "Reference",
    "ReportedValue",
    "documents",
    "find_values",
    "load",
    "once",
    "read",
]

_PACKAGE = Path(__file__).parent.parent
FOLDER = next(
    (folder for folder in (_PACKAGE / "_baselines", _PACKAGE.parent / "baselines") if folder.is_dir()),
    _PACKAGE / "_baselines",
)
"""The published scores that come with the package: inside it when installed, next to it in a checkout."""


@cache
def documents(paths: tuple[Path, ...] = ()) -> tuple[PublishedDocument, ...]:
    """Read the given files, or all that come with the package, in the order of their names."""
    chosen = paths or tuple(sorted((FOLDER / "published").glob("*.yaml")))
    if not chosen:
        raise BaselineError(ErrorCode.INVALID_PUBLISHED_SCORES, f"no published scores in {FOLDER / 'published'}")
    return tuple(read(path) for path in chosen)


def load() -> tuple[ReportedValue, ...]:
    """Return every reported value that comes with the package."""
    return tuple(reported for document in documents() for reported in document.reported_values())


def find_values(
    task: str | None = None, lineage: str | None = None, among: Sequence[ReportedValue] | None = None
) -> tuple[ReportedValue, ...]:
    """Return the reported values that may be about a task, and of one lineage; an unknown lineage is a `UsageError`.

    A value belongs to the column of its source only: check `caveat` and `also` before comparing it with a run.
    Documents restate values, rounded; `once` returns each of them once.
    """
    known = load() if among is None else tuple(among)
    lineages = sorted({reported.lineage for reported in known})
    if lineage is not None and lineage not in lineages:
        message = f"unknown lineage {lineage!r}; there are: {', '.join(lineages)}"
        raise UsageError(ErrorCode.INVALID_ARGUMENT, message)
    return tuple(
        reported
        for reported in known
        if (task is None or task in (reported.task, *reported.also)) and lineage in (None, reported.lineage)
    )
