"""How sure a run was, where it says so: the share of an item's answers that agree on a label."""

from __future__ import annotations

import numpy as np

from evalsuite.analysis.leaderboard import Leaderboard, LeaderboardColumn, LeaderboardRow
from evalsuite.stats.calibration import Calibration, calibration

FEWEST = 4
"""Answers an item below which shares say little."""
_SEED = 7


def reliabilities(board: Leaderboard, column: LeaderboardColumn) -> list[tuple[str, Calibration]]:
    """Calibration of each run of a column that has enough answers an item, by name."""
    return [
        (row.name, _votes(board, row, column))
        for row in board.rows
        if column.key in row.cells and row.cells[column.key].answers >= FEWEST
    ]


def _votes(board: Leaderboard, row: LeaderboardRow, column: LeaderboardColumn) -> Calibration:
    scores = board.scores[row.entry.id, column.task]
    labels = scores.table["label" if board.parse_mode == "strict" else "label_lenient"].to_pylist()
    gold, counts = scores.of_items("gold").tolist(), scores.counts
    places = np.repeat(np.arange(len(gold)), counts)
    names = {name: number for number, name in enumerate(sorted({*gold, *(each for each in labels if each)}))}
    votes = np.zeros((len(gold), len(names)))
    for place, name in zip(places, labels, strict=True):
        if name is not None:
            votes[place, names[name]] += 1 / counts[place]
    answers = np.array([names[name] for name in gold], dtype=np.int64)
    return calibration(votes, answers, column.member, np.random.default_rng(_SEED))
