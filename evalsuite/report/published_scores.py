"""Published numbers about the tasks of a board: a table of its own, by source, never a row among what was measured."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from evalsuite.analysis.leaderboard import TRIVIAL, Leaderboard
from evalsuite.published import ReportedValue, documents
from evalsuite.published.reported_value import UNSTATED
from evalsuite.stats.intervals import Estimate
from evalsuite.stats.published_difference import published_difference

Json = dict[str, Any]


def published(board: Leaderboard) -> list[Json]:
    """Sources with a number about a task of the board, with their rows; a source without any is left out."""
    tasks = list(dict.fromkeys(column.task for column in board.columns))
    best = {task: estimate for task in tasks if (estimate := _best(board, task)) is not None}
    found = []
    for document in documents():
        figures = [f for f in document.reported_values() if f.metric == "accuracy" and f.task in tasks]
        if figures:
            found.append(_source(figures, tasks, best))
    return found


def _best(board: Leaderboard, task: str) -> Estimate | None:
    """The best accuracy of a model on the task as a whole; None where the runs cover only a part of it."""
    keys = [column.key for column in board.columns if column.task == task and not column.partial]
    cells = [row.cells[key] for row in board.rows if row.size != TRIVIAL for key in keys if key in row.cells]
    return max((cell.accuracy for cell in cells), default=None)


def _source(figures: list[ReportedValue], tasks: list[str], best: Mapping[str, Estimate]) -> Json:
    first = figures[0]
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
        "tasks": [task for task in tasks if any(f.task == task for f in figures)],
        "headings": {f.task: f.heading for f in reversed(figures)},
        "caveats": list(dict.fromkeys(f"{f.heading}: {f.caveat}" for f in figures if f.caveat)),
        "rows": [
            _row(name, [f for f in figures if f.name == name], best) for name in dict.fromkeys(f.name for f in figures)
        ],
    }


def _row(name: str, figures: Iterable[ReportedValue], best: Mapping[str, Estimate]) -> Json:
    """One model; where a source prints a number twice, the one with more digits."""
    cells: dict[str, ReportedValue] = {}
    for figure in figures:
        if figure.task not in cells or len(figure.printed) > len(cells[figure.task].printed):
            cells[figure.task] = figure
    return {"name": name, "cells": {task: _cell(figure, best.get(task)) for task, figure in cells.items()}}


def _cell(figure: ReportedValue, best: Estimate | None) -> Json:
    estimate = figure.estimate
    said = {name: value for name, value in figure.protocol.model_dump().items() if value != UNSTATED}
    return {
        "printed": figure.printed,
        "value": figure.value,
        "low": estimate.low if estimate else None,
        "high": estimate.high if estimate else None,
        "n": figure.n,
        "n_stated": figure.n_stated,
        "locator": figure.locator,
        "split": figure.split,
        "protocol": said,
        "caveat": figure.caveat,
        "measured_here": False,
        "best_minus_published": published_difference(best, estimate)._asdict() if best and estimate else None,
    }
