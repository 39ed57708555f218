"""Calibration of self-consistency: the share of an item's samples that agree on a label, as its confidence."""

from __future__ import annotations

import numpy as np

from evalsuite.analysis.leaderboard import Leaderboard, LeaderboardColumn, LeaderboardRow
from evalsuite.stats.calibration import Calibration, calibration

FEWEST_SAMPLES = 4
"""With fewer responses per item the share that agree is too coarse to be a confidence."""
_SEED = 7


def reliabilities(board: Leaderboard, column: LeaderboardColumn) -> list[tuple[str, Calibration]]:
    """Return name and calibration of each run of a column that has enough responses per item."""
    return [
        (row.name, _votes(board, row, column))
        for row in board.rows
        if column.key in row.cells and row.cells[column.key].answers >= FEWEST_SAMPLES
    ]


def _votes(board: Leaderboard, row: LeaderboardRow, column: LeaderboardColumn) -> Calibration:
    scores = board.scores[row.entry.id, column.task]
    labels = scores.table["label" if board.parse_mode == "strict" else "label_lenient"].to_pylist()
    gold, counts = scores.of_items("gold").tolist(), scores.counts
    rows = np.repeat(np.arange(len(gold)), counts)
    names = {name: number for number, name in enumerate(sorted({*gold, *(each for each in labels if each)}))}
    votes = np.zeros((len(gold), len(names)))
    for row_of_item, name in zip(rows, labels, strict=True):
        if name is not None:
            votes[row_of_item, names[name]] += 1 / counts[row_of_item]
    answers = np.array([names[name] for name in gold], dtype=np.int64)
    return calibration(votes, answers, column.member, np.random.default_rng(_SEED))
