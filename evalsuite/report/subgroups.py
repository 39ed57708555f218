"""Accuracy of each column by subgroup of its items."""

from __future__ import annotations

from typing import Any

import orjson

from evalsuite.analysis.leaderboard import Leaderboard, LeaderboardColumn
from evalsuite.analysis.run_result import ItemScores
from evalsuite.errors import ErrorCode, RunError
from evalsuite.stats.subgroups import subgroups

Json = dict[str, Any]
MOST_SUBGROUPS = 40
"""A metadata field with more values identifies items rather than subgroups."""


def subgroup_tables(board: Leaderboard) -> list[Json]:
    """Return a table of runs by subgroup, largest first, for each column and metadata field (subject, ...)."""
    return [table for column in board.columns for table in _tables(board, column)]


def _tables(board: Leaderboard, column: LeaderboardColumn) -> list[Json]:
    rows = [row for row in board.rows if column.key in row.cells]
    first = board.scores[rows[0].entry.id, column.task]
    keys = _keys(first)
    tables = []
    for name, values in keys.items():
        runs = []
        for row in rows:
            answers = row.cells[column.key].answers
            cut = subgroups(values, board.item_scores(row, column.key), column.member, answers)
            runs.append({"row": row.entry.id, "cells": [each.estimate._asdict() for each in cut]})
        groups = [{"name": each.key or "(none)", "n": each.items} for each in cut]
        tables.append({"column": column.key, "title": column.title, "key": name, "groups": groups, "runs": runs})
    return tables


def _keys(scores: ItemScores) -> dict[str, list[str]]:
    """Return each item's value of every metadata field that has between 2 and `MOST_SUBGROUPS` values."""
    metas = [_meta(text, str(item)) for text, item in zip(scores.of_items("meta"), scores.items, strict=True)]
    names = dict.fromkeys(name for meta in metas for name in meta)
    values = {name: [str(meta.get(name, "")) for meta in metas] for name in names}
    return {name: each for name, each in values.items() if 1 < len(set(each)) <= MOST_SUBGROUPS}


def _meta(text: str | None, item: str) -> Json:
    try:
        meta = orjson.loads(text or "{}")
        if not isinstance(meta, dict):
            raise ValueError("not an object")
    except ValueError as error:
        message = f"grades.parquet: meta of item {item} can't be read: {error}"
        raise RunError(ErrorCode.RUN_UNREADABLE, message) from None
    return meta
