"""Each column cut by what its items are about."""

from __future__ import annotations

from typing import Any

import orjson

from evalsuite.analysis.leaderboard import Leaderboard, LeaderboardColumn
from evalsuite.analysis.run_result import ItemScores
from evalsuite.stats.subgroups import subgroups

Json = dict[str, Any]
MOST = 40
"""A key with more values than this names items, not subgroups."""


def subgroup_tables(board: Leaderboard) -> list[Json]:
    """A table for each column and key of its items (subject, body system, ...): runs by subgroups, largest first."""
    return [table for column in board.columns for table in _tables(board, column)]


def _tables(board: Leaderboard, column: LeaderboardColumn) -> list[Json]:
    rows = [row for row in board.rows if column.key in row.cells]
    first = board.scores[rows[0].entry.id, column.task]
    keys = _keys(first)
    found = []
    for name, values in keys.items():
        runs = []
        for row in rows:
            answers = row.cells[column.key].answers
            cut = subgroups(values, board.item_scores(row, column.key), column.member, answers)
            runs.append({"row": row.entry.id, "cells": [each.estimate._asdict() for each in cut]})
        groups = [{"name": each.key or "(none)", "n": each.items} for each in cut]
        found.append({"column": column.key, "title": column.title, "key": name, "groups": groups, "runs": runs})
    return found


def _keys(scores: ItemScores) -> dict[str, list[str]]:
    """Value of each key for each item, for keys that cut the items into a readable number of groups."""
    metas = [orjson.loads(text) for text in scores.of_items("meta")]
    names = dict.fromkeys(name for meta in metas for name in meta)
    values = {name: [str(meta.get(name, "")) for meta in metas] for name in names}
    return {name: each for name, each in values.items() if 1 < len(set(each)) <= MOST}
