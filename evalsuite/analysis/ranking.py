"""Which models of a leaderboard are better than which: every pair that may be paired, tested on the same items."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from evalsuite.analysis.leaderboard import SIZES, TRIVIAL, Leaderboard, LeaderboardRow
from evalsuite.stats.contrast import Contrast, PairedScores, contrast, paired_p
from evalsuite.stats.multiple_testing import holm
from evalsuite.stats.rank_intervals import LEVEL, Rank, ranks

MACRO = "macro"
"""Key of the macro average beside the columns' keys."""


@dataclass(frozen=True, slots=True)
class ReferenceContrast:
    """One row against the reference row, in one column or in the macro average."""

    row: str
    key: str
    contrast: Contrast
    """Row minus reference, with the p-value of this test alone."""
    p_holm: float
    """The p-value adjusted by Holm's method within `family`."""
    family: str

    @property
    def significant(self) -> bool:
        """Whether the adjusted p-value is below 5%."""
        return self.p_holm < LEVEL


def rank(board: Leaderboard) -> dict[str, Rank]:
    """Rank the models that can be paired on all macro columns, by row id, with rank intervals (Holm over all pairs)."""
    rows = [row for row in board.rows if row.size != TRIVIAL and board.comparable(row, board.macro_columns)]
    table = np.ones((len(rows), len(rows)))
    for one, other in combinations(range(len(rows)), 2):
        table[one, other] = table[other, one] = paired_p(_paired(board, rows[one], rows[other], board.macro_columns))
    values = [row.macro.value for row in rows if row.macro]
    return dict(zip((row.entry.id for row in rows), ranks(values, table), strict=True)) if len(rows) > 1 else {}


def reference(board: Leaderboard) -> LeaderboardRow | None:
    """The row that others are compared with: the best comparable model, or, without one, the best trivial baseline."""
    rows = [row for row in board.rows if board.comparable(row, board.macro_columns)]
    models = [row for row in rows if row.size != TRIVIAL] or rows
    return max(models, key=lambda row: row.macro.value if row.macro else -1.0, default=None)


def reference_contrasts(
    board: Leaderboard, against: LeaderboardRow, key: str, among: Sequence[LeaderboardRow] | None = None
) -> list[ReferenceContrast]:
    """Compare comparable rows with one row, in a column or (`MACRO`) in the average; Holm over all of them.

    `among`: which rows; all models where it is not given.
    """
    keys = board.macro_columns if key == MACRO else (key,)
    models = among if among is not None else [row for row in board.rows if row.size != TRIVIAL]
    rows = [row for row in models if row is not against and board.comparable(row, keys)]
    if not board.comparable(against, keys) or not rows:
        return []
    contrasts = [contrast(_paired(board, row, against, keys), len(rows)) for row in rows]
    where = "the macro average" if key == MACRO else board.column(key).title
    family = holm([each.difference.p for each in contrasts], f"{len(rows)} comparisons with {against.name} in {where}")
    return [
        ReferenceContrast(row.entry.id, key, each, float(p), family.name)
        for row, each, p in zip(rows, contrasts, family.p, strict=True)
    ]


def leaders(board: Leaderboard) -> frozenset[tuple[str, str]]:
    """(row id, key) of the best of each size in each column and in the average, and of all that don't differ from it
    significantly."""
    return frozenset(place for key in (MACRO, *(c.key for c in board.columns)) for place in _leaders(board, key))


def _leaders(board: Leaderboard, key: str) -> Iterable[tuple[str, str]]:
    keys = board.macro_columns if key == MACRO else (key,)
    for size in SIZES:
        rows = [row for row in board.rows if row.size == size and board.comparable(row, keys)]
        if not rows:
            continue
        best = max(rows, key=lambda row: _value(row, key))
        others = [row for row in rows if row is not best]
        p_values = [paired_p(_paired(board, row, best, keys)) for row in others]
        adjusted = holm(p_values, f"{len(others)} comparisons with the best {size}").p
        yield best.entry.id, key
        yield from ((row.entry.id, key) for row, p in zip(others, adjusted, strict=True) if p >= LEVEL)


def _value(row: LeaderboardRow, key: str) -> float:
    if key == MACRO:
        return row.macro.value if row.macro else -1.0
    return row.cells[key].accuracy.value


def _paired(board: Leaderboard, a: LeaderboardRow, b: LeaderboardRow, keys: Sequence[str]) -> list[PairedScores]:
    return [board.paired_scores(a, b, key) for key in keys]
