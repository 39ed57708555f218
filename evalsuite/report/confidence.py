"""How sure a run was, where it says so: the share of an item's samples that agree on a label."""

from __future__ import annotations

import numpy as np

from evalsuite.leaderboard import Board, Column, Row
from evalsuite.stats.calibration import Calibration, calibration

FEWEST = 4
"""Samples an item below which shares say little."""
_SEED = 7


def reliabilities(board: Board, column: Column) -> list[tuple[str, Calibration]]:
    """Calibration of each run of a column that has enough samples an item, by name."""
    return [
        (row.name, _votes(board, row, column))
        for row in board.rows
        if column.key in row.cells and row.cells[column.key].samples >= FEWEST
    ]


def _votes(board: Board, row: Row, column: Column) -> Calibration:
    scores = board.scores[row.entry.id, column.task]
    items, samples = len(scores.items), scores.samples
    labels = scores.table["label" if board.reading == "strict" else "label_lenient"].to_pylist()
    gold = scores.table["gold"].to_pylist()[::samples]
    names = {name: number for number, name in enumerate(sorted({*gold, *(each for each in labels if each)}))}
    votes = np.zeros((items, len(names)))
    for place, name in enumerate(labels):
        if name is not None:
            votes[place // samples, names[name]] += 1 / samples
    answers = np.array([names[name] for name in gold], dtype=np.int64)
    return calibration(votes, answers, column.member, np.random.default_rng(_SEED))
