"""Published scores on the tasks of a leaderboard: one table per source, never mixed with measured rows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from evalsuite.analysis.leaderboard import TRIVIAL, Leaderboard
from evalsuite.published import ReportedValue, documents
from evalsuite.published.reported_value import UNSTATED
from evalsuite.stats.intervals import Estimate
from evalsuite.stats.published_difference import published_difference

Json = dict[str, Any]


def published_scores(board: Leaderboard) -> list[Json]:
    """Return the sources that report an accuracy on a task of the leaderboard, with their rows."""
    tasks = list(dict.fromkeys(column.task for column in board.columns))
    best = {task: estimate for task in tasks if (estimate := _best(board, task)) is not None}
    sources = []
    for document in documents():
        values = [f for f in document.reported_values() if f.metric == "accuracy" and f.task in tasks]
        if values:
            sources.append(_source(values, tasks, best))
    return sources


def _best(board: Leaderboard, task: str) -> Estimate | None:
    """Return the best accuracy of a model on the whole task; None if the runs cover only a part of it."""
    keys = [column.key for column in board.columns if column.task == task and not column.partial]
    cells = [row.cells[key] for row in board.rows if row.size != TRIVIAL for key in keys if key in row.cells]
    return max((cell.accuracy for cell in cells), default=None)


def _source(values: list[ReportedValue], tasks: list[str], best: Mapping[str, Estimate]) -> Json:
    first = values[0]
    return {
        "document": first.document,
        "title": first.source.title,
        "authors": first.source.authors,
        "date": first.source.date,
        "url": first.source.url,
        "note": first.source.note,
        "seen": first.seen,
        "lineage": first.lineage,
        "measured_here": False,
        "tasks": [task for task in tasks if any(f.task == task for f in values)],
        "headings": {f.task: f.heading for f in reversed(values)},
        "caveats": list(dict.fromkeys(f"{f.heading}: {f.caveat}" for f in values if f.caveat)),
        "rows": [
            _row(name, [f for f in values if f.name == name], best) for name in dict.fromkeys(f.name for f in values)
        ],
    }


def _row(name: str, values: Iterable[ReportedValue], best: Mapping[str, Estimate]) -> Json:
    """Return one model's cells; if a source prints a number twice, the one with more digits."""
    cells: dict[str, ReportedValue] = {}
    for value in values:
        if value.task not in cells or len(value.printed) > len(cells[value.task].printed):
            cells[value.task] = value
    return {"name": name, "cells": {task: _cell(value, best.get(task)) for task, value in cells.items()}}


def _cell(value: ReportedValue, best: Estimate | None) -> Json:
    estimate = value.estimate
    protocol = {name: setting for name, setting in value.protocol.model_dump().items() if setting != UNSTATED}
    return {
        "printed": value.printed,
        "value": value.value,
        "low": estimate.low if estimate else None,
        "high": estimate.high if estimate else None,
        "n": value.n,
        "n_stated": value.n_stated,
        "locator": value.locator,
        "split": value.split,
        "protocol": protocol,
        "caveat": value.caveat,
        "measured_here": False,
        "best_minus_published": published_difference(best, estimate)._asdict() if best and estimate else None,
    }
