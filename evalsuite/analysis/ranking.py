"""Who is better than whom on a leaderboard: every pair that may be paired, tested on the same items."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from evalsuite.analysis.leaderboard import SIZES, TRIVIAL, Leaderboard, LeaderboardColumn, LeaderboardRow
from evalsuite.stats.averages import combine
from evalsuite.stats.clusters import Floats
from evalsuite.stats.multiple_testing import holm
from evalsuite.stats.paired_difference import PairedDifference, difference, effective_pairs
from evalsuite.stats.permutation import saddlepoint, sign_flip_test
from evalsuite.stats.power import SIZE, detectable, required_items
from evalsuite.stats.rank_intervals import LEVEL, Rank, ranks

MACRO = "macro"
"""Key of the macro average beside the columns' keys."""


@dataclass(frozen=True, slots=True)
class ReferenceContrast:
    """One row against the reference row, in one column or in the macro average."""

    row: str
    key: str
    difference: PairedDifference
    """Row minus reference."""
    p: float
    """Holm's, within `family`."""
    family: str
    detectable: float | None
    """The smallest true difference found with 80% power; None: none, the two disagree too seldom."""
    required: int | None
    """Items that would settle a difference as large as the one seen; None where no number would, or for the macro."""

    @property
    def significant(self) -> bool:
        """Whether the test tells the two apart."""
        return self.p < LEVEL


def rank(board: Leaderboard) -> dict[str, Rank]:
    """Rank the models that can be paired on all macro columns, by row id, with rank intervals (Holm over all pairs)."""
    rows = [row for row in board.rows if row.size != TRIVIAL and board.comparable(row, board.macro_columns)]
    table = np.ones((len(rows), len(rows)))
    for one, other in combinations(range(len(rows)), 2):
        table[one, other] = table[other, one] = _macro_p(board, rows[one], rows[other])
    values = [row.macro.value for row in rows if row.macro]
    return dict(zip((row.entry.id for row in rows), ranks(values, table), strict=True)) if len(rows) > 1 else {}


def reference(board: Leaderboard) -> LeaderboardRow | None:
    """The row that others are held against: the best comparable model, or where there is none the first such floor."""
    rows = [row for row in board.rows if board.comparable(row, board.macro_columns)]
    models = [row for row in rows if row.size != TRIVIAL] or rows
    return max(models, key=lambda row: row.macro.value if row.macro else -1.0, default=None)


def reference_contrasts(
    board: Leaderboard, against: LeaderboardRow, key: str, among: Sequence[LeaderboardRow] | None = None
) -> list[ReferenceContrast]:
    """Hold comparable rows against one, in a column or (`MACRO`) in the average; Holm over all of them.

    `among`: which rows; all models where it is not given.
    """
    keys = board.macro_columns if key == MACRO else (key,)
    models = among if among is not None else [row for row in board.rows if row.size != TRIVIAL]
    rows = [row for row in models if row is not against and board.comparable(row, keys)]
    if not board.comparable(against, keys) or not rows:
        return []
    found = [_differences(board, row, against, keys) for row in rows]
    pairs = list(zip(rows, found, strict=True))
    single = [_macro(board, row, against, parts) if key == MACRO else parts[0] for row, parts in pairs]
    where = "the macro average" if key == MACRO else board.column(key).title
    family = holm([each.p for each in single], f"{len(rows)} comparisons with {against.name} in {where}")
    size = SIZE / len(rows)  # the level of the family's smallest p, so that what is told holds for any of them
    return [
        ReferenceContrast(
            row=row.entry.id,
            key=key,
            difference=whole,
            p=float(p),
            family=family.name,
            detectable=_detectable(board, row, against, keys, parts, size),
            required=None if key == MACRO else required_items(whole.value, whole.discordance, size=size),
        )
        for row, whole, parts, p in zip(rows, single, found, family.p, strict=True)
    ]


def _detectable(
    board: Leaderboard,
    a: LeaderboardRow,
    b: LeaderboardRow,
    keys: Sequence[str],
    parts: Sequence[PairedDifference],
    size: float,
) -> float | None:
    """No difference exceeds the discordance: where the smallest that would be found does, none would."""
    found = []
    for key, part in zip(keys, parts, strict=True):
        answers = min(a.cells[key].answers, b.cells[key].answers)
        pairs = effective_pairs(board.item_scores(a, key), board.item_scores(b, key), board.column(key).member, answers)
        found.append(detectable(pairs, part.discordance, size=size))
    smallest = math.hypot(*found) / len(found)
    return smallest if smallest <= sum(part.discordance for part in parts) / len(parts) else None


def leaders(board: Leaderboard) -> frozenset[tuple[str, str]]:
    """(row id, key) of the best of each size in each column and in the average, and of all not told from it."""
    return frozenset(place for key in (MACRO, *(c.key for c in board.columns)) for place in _leaders(board, key))


def _leaders(board: Leaderboard, key: str) -> Iterable[tuple[str, str]]:
    keys = board.macro_columns if key == MACRO else (key,)
    for size in SIZES:
        rows = [row for row in board.rows if row.size == size and board.comparable(row, keys)]
        if not rows:
            continue
        best = max(rows, key=lambda row: _value(row, key))
        others = [row for row in rows if row is not best]
        p = holm([_p(board, row, best, keys) for row in others], f"{len(others)} comparisons with the best {size}").p
        yield best.entry.id, key
        yield from ((row.entry.id, key) for row, adjusted in zip(others, p, strict=True) if adjusted >= LEVEL)


def _value(row: LeaderboardRow, key: str) -> float:
    if key == MACRO:
        return row.macro.value if row.macro else -1.0
    return row.cells[key].accuracy.value


def _differences(
    board: Leaderboard, a: LeaderboardRow, b: LeaderboardRow, keys: Sequence[str]
) -> list[PairedDifference]:
    columns: Mapping[str, LeaderboardColumn] = {column.key: column for column in board.columns}
    return [
        difference(
            board.item_scores(a, key),
            board.item_scores(b, key),
            columns[key].member,
            min(a.cells[key].answers, b.cells[key].answers),
        )
        for key in keys
    ]


def _macro(
    board: Leaderboard, a: LeaderboardRow, b: LeaderboardRow, parts: Sequence[PairedDifference]
) -> PairedDifference:
    """The difference of two macro averages; its counts are sums over the columns."""
    estimate = combine([part.estimate for part in parts], [1 / len(parts)] * len(parts))
    return PairedDifference(
        *estimate,
        only_a=sum(part.only_a for part in parts),
        only_b=sum(part.only_b for part in parts),
        items=sum(part.items for part in parts),
        p=_macro_p(board, a, b),
    )


def _macro_p(board: Leaderboard, a: LeaderboardRow, b: LeaderboardRow) -> float:
    return _p(board, a, b, board.macro_columns)


def _p(board: Leaderboard, a: LeaderboardRow, b: LeaderboardRow, keys: Sequence[str]) -> float:
    """Two-sided p of the sign-flip test on the mean over columns: an item weighs 1 / items of its column."""
    columns = {column.key: column for column in board.columns}
    sums: list[Floats] = [
        np.bincount(columns[key].member, weights=board.item_scores(a, key) - board.item_scores(b, key)).astype(
            np.float64
        )
        for key in keys
    ]
    if len(keys) == 1:
        return sign_flip_test(sums[0])
    weighed = np.concatenate([part / columns[key].n for part, key in zip(sums, keys, strict=True)])
    scale = float(np.abs(weighed).max())
    if scale <= 1e-12:
        return 1.0
    sizes, counts = np.unique(np.round(np.abs(weighed) / scale, 9), return_counts=True)
    seen = sizes > 0
    return saddlepoint(sizes[seen], counts[seen].astype(np.float64), abs(float(weighed.sum())) / scale)
